-- include lib/features
-- include lib/record

-- Jobs that were handed over (lib/hand-over) and have not arrived come with this reply; they take room of what is asked for.
local function takeHanded(q, turn)
  if not turn.handedRecord then return end
  local handed = {}
  for fence, id in string.gmatch(string.match(turn.handedRecord, '^0 %d+ %d+ (.*)$'), '(%d+):([^,]+)') do
    if tonumber(fence) > turn.handedFence and redis.call('HGET', q.inflight, id) == turn.worker .. ':' .. fence then
      turn.handedIds[#turn.handedIds + 1] = id
      turn.handedFences[#turn.handedFences + 1] = fence
      handed[#handed + 1] = fence .. ':' .. id
    end
  end
  if #handed == 0 then return end
  turn.handed = table.concat(handed, ',')
  turn.want = math.max(turn.want - #handed, 0)
  redis.call('ZADD', q.workers, q.now + turn.leaseMs, turn.worker) -- they start only now
end

-- Suspects that a turn looks at; of more than so many those behind wait.
local function firstSuspects(q)
  return redis.call('LRANGE', q.suspects, 0, 49)
end

-- Where records are or were long: no more of them in one turn than Lua copies in some 2 ms, but always one.
local function mostOf(q, turn)
  if not has(q, 'l') then return turn.want end
  local waiting = has(q, 'p') and redis.call('ZRANGE', q.priority, 0, turn.want - 1) or {}
  if #waiting == 0 then waiting = redis.call('LRANGE', q.ready, 0, turn.want - 1) end
  local bytes = 0
  for i = 1, #waiting do
    bytes = bytes + redis.call('HSTRLEN', q.jobs, waiting[i])
    if bytes > RULES.mostLookedUp then return math.max(i - 1, 1) end
  end
  return turn.want
end

-- Payloads that lie apart are read by the worker, behind this script: what one turn makes it read is bounded as well.
local MOST_READ = 2097152 -- bytes
local function isTooLong(q, turn, id, text)
  if not isApart(text) then return false end
  turn.apart = (turn.apart or 0) + redis.call('HSTRLEN', q.payloads, id)
  turn.isFull = turn.apart > MOST_READ and #turn.ids > 0
  return turn.isFull
end

-- Adds jobs to what the turn reserves, up to the first that costs more than the rate has left, or is too long for this turn. Removed and
-- cancelled jobs left their numbers in the line: returns how many of these, and how many jobs it went through.
local function accept(q, turn, popped)
  local texts, mayLieApart = redis.call('HMGET', q.jobs, unpack(popped)), has(q, 'b')
  local ids, envelopes, before, budget = turn.ids, turn.envelopes, #turn.ids, turn.budget
  local costs = budget and costsOf(q, popped)
  local count = before
  for i = 1, #popped do
    if texts[i] and not isEnded(texts[i]) then
      if mayLieApart and isTooLong(q, turn, popped[i], texts[i]) then return i - 1 - (count - before), i - 1 end
      if costs and turn.cost + costs[i] > budget and not (count == 0 and startsAlone(q, costs[i])) then
        turn.needed = costs[i]
        return i - 1 - (count - before), i - 1
      end
      if costs then turn.cost = turn.cost + costs[i] end
      count = count + 1
      ids[count], envelopes[count] = popped[i], texts[i]
    end
  end
  return #popped - (count - before), #popped
end
