-- include turn/accept
-- include turn/take-shares
-- include turn/adoptable
-- include lib/take
-- include lib/notify

-- The first suspect whose group lets it start.
local function takeSuspect(q, turn)
  for _, id in ipairs(firstSuspects(q)) do
    if not has(q, 'g') or not isGroupHeld(q, id) then
      local _, passed = accept(q, turn, { id })
      if passed == 0 then return end
      turn.fromSuspects[#turn.fromSuspects + 1] = id
      if #turn.ids > 0 then break end
    end
  end
  if #turn.ids == 0 then return end
  if has(q, 'g') then chargeGroup(q, turn.ids[1]) end
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

-- At most so many of the jobs without a group: by priority, then as they came.
local function takeLine(q, turn, share)
  local most = #turn.ids + share
  local best = share > 0 and has(q, 'p') and redis.call('ZRANGE', q.priority, 0, share - 1) or {}
  if #best > 0 then
    local holes, passed = accept(q, turn, best)
    if passed > 0 then turn.fromPriority = { unpack(best, 1, passed) } end
    if holes > 0 then turn.readyHoles, turn.isDirty = turn.readyHoles - holes, true end
  end
  if not turn.needed and not turn.isFull then takeReady(q, turn, most) end
end

-- Parked jobs whose names this worker knows.
local function takeParked(q, turn, most)
  local members, popped = adoptable(q, turn.adopt, most - #turn.ids)
  if #members == 0 then return end
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
  if turn.adopt ~= '' and has(q, 'g') and has(q, 'k') then adoptIntoLanes(q, turn, most) end
  if turn.isAlone and turn.handed == '' and has(q, 'c') then takeSuspect(q, turn) end
  if #turn.ids == 0 then
    local share = most
    if has(q, 'g') then share = takeShares(q, turn, most) end
    if not turn.needed and not turn.isFull then takeLine(q, turn, share) end
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
