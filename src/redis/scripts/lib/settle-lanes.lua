-- include lib/lanes
-- include lib/wake

-- Whatever changes a lane touches it; a lane that was touched is settled before the script ends: it is among the turns, or held, or in
-- neither where no job of it is ready. A turn settles them itself, before it reserves and after (q.settlesLanes).

-- The virtual time: the tag of the lane that was served last; and the number that the last lane got which joined.
local function readServed(q)
  if q.served then return end
  local state = redis.call('HMGET', q.meta, 'served', 'entries')
  q.served, q.entries = tonumber(state[1] or 0), tonumber(state[2] or 0)
end

-- As it stands among the turns.
local function turnOf(lane)
  if not lane.turn then lane.turn = string.format('%015d ', lane.entry) .. lane.key end
  return lane.turn
end

local function push(list, one, other)
  list[#list + 1] = one
  if other then list[#list + 1] = other end
end

-- One lane, by its next ready job. Adds what is to be written to the lists of `writes`.
local function settleLane(q, lane, head, writes)
  local isIn = lane.entry > 0
  local by, untilMs
  if head and not isFree(q, lane) then by, untilMs = holdOf(q, lane, readyIdIn(head, lane.key)) end
  if head and not by then
    if not isIn then
      q.entries = q.entries + 1
      lane.entry, lane.tag, lane.turn = q.entries, math.max(lane.tag, q.served), nil
      push(writes.unheld, lane.key)
    end
    q.isLaneOpen = true
    push(writes.turns, tagOf(lane), turnOf(lane))
    return
  end
  if isIn then push(writes.left, turnOf(lane)) end
  lane.entry, lane.turn = 0, nil
  if head then push(writes.held, untilMs and string.format('%.0f', untilMs) or '+inf', lane.key)
  elseif not isIn then push(writes.unheld, lane.key) end
end

-- Lanes, each once.
local function settleLanes(q, lanes)
  if #lanes == 0 then return end
  readServed(q)
  local writes, entries = { turns = {}, left = {}, held = {}, unheld = {} }, q.entries
  for i = 1, #lanes do
    local head = lanes[i].head
    if head == nil then head = firstReady(q, lanes[i]) end
    lanes[i].head = nil
    settleLane(q, lanes[i], head, writes)
  end
  if q.entries > entries then redis.call('HSET', q.meta, 'entries', string.format('%.0f', q.entries)) end
  -- The record of a lane says where it stands. Written between what it leaves and where it goes, so that the repetition of a script that
  -- stopped in the middle finds what is missing.
  if #writes.left > 0 then redis.call('ZREM', q.turns, unpack(writes.left)) end
  if #writes.unheld > 0 then redis.call('ZREM', q.held, unpack(writes.unheld)) end
  writeLanes(q, lanes)
  if #writes.held > 0 then redis.call('ZADD', q.held, unpack(writes.held)) end
  if #writes.turns > 0 then redis.call('ZADD', q.turns, unpack(writes.turns)) end
  q.hasOpened = q.hasOpened or q.entries > entries
end

local function touchLane(q, lane)
  q.touched = q.touched or {}
  lane.head = nil
  if lane.isTouched then return end
  lane.isTouched = true
  q.touched[#q.touched + 1] = lane
end

local function settleTouched(q)
  if not q.touched then return end
  local lanes = q.touched
  q.touched = nil
  for i = 1, #lanes do lanes[i].isTouched = false end
  settleLanes(q, lanes)
end

-- The end of a change outside of a turn. Where a lane has opened that was held, somebody must hear of it.
local function closeLanes(q)
  if q.settlesLanes then return end
  settleTouched(q)
  if q.hasOpened and not q.wakesForLanes then wake(q) end
  q.hasOpened = q.wakesForLanes and q.hasOpened
end

-- What holds for all lanes has changed, or nobody knows which has: turns look at every one, some at a time.
local function relookAtLanes(q)
  redis.call('HSET', q.meta, 'relook', '0')
end
