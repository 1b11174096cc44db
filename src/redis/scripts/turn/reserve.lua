-- include lib/take
-- include lib/features
-- include lib/record
-- include lib/notify

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

local function takeSuspect(q, turn)
  while #turn.ids == 0 do
    local suspect = redis.call('LINDEX', q.suspects, turn.fromSuspects)
    if not suspect then return end
    local _, passed = accept(q, turn, { suspect })
    if passed == 0 then return end
    turn.fromSuspects = turn.fromSuspects + 1
  end
  turn.room = 1 -- nothing may run beside it
end

local function takeReady(q, turn, most)
  local rounds = 0
  while #turn.ids < most and rounds < 8 do
    rounds = rounds + 1
    -- One more than is wanted: it shows whether any is left.
    local popped = redis.call('LRANGE', q.ready, turn.fromReady, turn.fromReady + most - #turn.ids)
    turn.isLeft = #popped > most - #turn.ids
    if turn.isLeft then popped[#popped] = nil end
    local holes, passed = 0, 0
    if #popped > 0 then holes, passed = accept(q, turn, popped) end
    turn.fromReady = turn.fromReady + passed
    if passed < #popped then turn.isLeft = true end
    if not turn.isLeft then holes = turn.readyHoles end -- an empty list has none, whatever was done to it by hand
    if holes ~= 0 then turn.readyHoles, turn.isDirty = turn.readyHoles - holes, true end
    if not turn.isLeft or turn.needed or turn.isFull then return end
  end
end

-- Parked jobs whose names this worker knows.
local function takeParked(q, turn, most)
  local members = {}
  if turn.adopt == '*' then
    members = redis.call('ZRANGE', q.parked, 0, most - #turn.ids - 1)
  else
    for name in string.gmatch(turn.adopt, '[^ ]+') do
      local room = most - #turn.ids - #members
      if room <= 0 then break end
      local found = redis.call('ZRANGEBYLEX', q.parked, '[' .. name .. ' ', '(' .. name .. '!', 'LIMIT', 0, room)
      for i = 1, #found do
        -- Only an id may follow: "resize all" is another name than "resize".
        if not string.find(found[i], ' ', #name + 2, true) then members[#members + 1] = found[i] end
      end
    end
  end
  if #members == 0 then return end
  local popped = {}
  for i = 1, #members do popped[i] = string.match(members[i], '([^ ]+)$') end -- a foreign name may hold spaces
  local _, passed = accept(q, turn, popped)
  if passed > 0 then turn.fromParked = { unpack(members, 1, passed) } end
end

local function reserve(q, turn)
  takeHanded(q, turn)
  turn.room = turn.want
  if turn.want == 0 or q.paused then return end
  local most = mostOf(q, turn)
  if has(q, 'r') then
    local free, left = allowance(q)
    most = math.min(most, free)
    if most <= 0 then return end
    if not has(q, 't') then most = math.min(most, left) else turn.budget, turn.cost = left, 0 end
  end
  if turn.isAlone and turn.handed == '' and has(q, 'c') then takeSuspect(q, turn) end
  if #turn.ids == 0 then
    local best = has(q, 'p') and redis.call('ZRANGE', q.priority, 0, most - 1) or {}
    if #best > 0 then
      local holes, passed = accept(q, turn, best)
      if passed > 0 then turn.fromPriority = { unpack(best, 1, passed) } end
      if holes > 0 then turn.readyHoles, turn.isDirty = turn.readyHoles - holes, true end
    end
    if not turn.needed and not turn.isFull then takeReady(q, turn, most) end
    local mayTakeParked = not turn.needed and not turn.isFull and turn.adopt ~= '' and has(q, 'k')
    if mayTakeParked and #turn.ids < most then takeParked(q, turn, most) end
  end
  if #turn.ids == 0 then return end
  if has(q, 'r') then charge(q, turn.cost or #turn.ids) end
  turn.fence = nextFence(q, 1)
  if has(q, 'c') then turn.crashes = redis.call('HMGET', q.crashes, unpack(turn.ids)) end
  for i = 1, q.listening and #turn.ids or 0 do addEvent(q, 'active', turn.ids[i], turn.envelopes[i], '') end
  turn.isDirty = true
end
