-- include lib/lane-moves

-- Whose turn it is. Start-time fair queueing: the lane with the lowest tag gives its next job, and its tag grows by what that job counts
-- for; the lane that joined first wins a tie, that of the jobs without a group loses it. So each lane that has jobs gets its share, and
-- one that had none for a while owes nothing and is owed nothing. A lane whose next job may not start is not looked at.

local function isBeforeLane(one, other)
  if one.tag ~= other.tag then return one.tag < other.tag end
  if one.key == '' or other.key == '' then return other.key == '' end
  return one.entry < other.entry
end

-- The lane at this place of a heap goes down to where it belongs.
local function sink(heap, at)
  local lane, count = heap[at], #heap
  while true do
    local child = at * 2
    if child > count then break end
    if child < count and isBeforeLane(heap[child + 1], heap[child]) then child = child + 1 end
    if not isBeforeLane(heap[child], lane) then break end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = lane
end

-- The first lane stays, further behind, or goes.
local function settleFirst(heap, isStaying)
  if not isStaying then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  if #heap > 1 then sink(heap, 1) end
end

local MOST_REOPENED = 100 -- groups, some 0.5 ms
-- Lanes whose time has come, and some of all of them where what holds for all has changed.
local function reopenLanes(q)
  settleTouched(q)
  local keys = redis.call('ZRANGEBYSCORE', q.held, '-inf', q.nowText, 'LIMIT', 0, MOST_REOPENED)
  local place = redis.call('HGET', q.meta, 'relook')
  if place then
    local scan = redis.call('HSCAN', q.lanes, place, 'COUNT', MOST_REOPENED)
    for i = 1, #scan[2], 2 do
      if scan[2][i] ~= '' then keys[#keys + 1] = scan[2][i] end
    end
    if scan[1] == '0' then redis.call('HDEL', q.meta, 'relook') else redis.call('HSET', q.meta, 'relook', scan[1]) end
    q.isRelooking = scan[1] ~= '0'
  end
  local lanes, isKnown = {}, {}
  for _, lane in ipairs(lanesOf(q, keys)) do
    if not isKnown[lane.key] then lanes[#lanes + 1] = lane end
    isKnown[lane.key] = true
  end
  settleLanes(q, lanes)
end

-- A lane pays for the job that starts: one turn, or the time that its jobs take, which land corrects once the job has run.
local function chargeTurn(lane)
  local charge = 1
  if lane.byTime then
    charge = math.max(lane.mean > 0 and lane.mean or RULES.firstRunMs, 1)
    lane.owed = lane.owed + charge
  end
  lane.tag = lane.tag + charge / lane.weight
end

-- The next job of a lane, as it lies in `grouped`; nil where none is left. Read some at a time.
local function nextOf(q, lane, some)
  if lane.picked >= #lane.page and not lane.isRead then
    local low, high = rangeOf(lane.key)
    local page = redis.call('ZRANGEBYLEX', q.grouped, low, high, 'LIMIT', #lane.page, some)
    for i = 1, #page do lane.page[#lane.page + 1] = page[i] end
    lane.isRead = #page < some
  end
  return lane.page[lane.picked + 1]
end

-- The jobs of at most `most` turns: { lane, member, id } in order, and how many turns are those of the jobs without a group. Nothing is
-- written: what the lanes are charged with stands in them.
local function chooseShares(q, most)
  readServed(q)
  q.groupOf = q.groupOf or {}
  local entries, keys, heap = redis.call('ZRANGE', q.turns, 0, most - 1), {}, {}
  for i = 1, #entries do keys[i] = string.sub(entries[i], 17) end
  local ungrouped = redis.call('LLEN', q.ready) + redis.call('ZCARD', q.priority)
  if ungrouped > 0 then keys[#keys + 1] = '' end
  local lanes = lanesOf(q, keys)
  for i = 1, #lanes do
    local lane = lanes[i]
    lane.page, lane.picked, lane.isRead, lane.turn = {}, 0, false, entries[i]
    if lane.key == '' then lane.tag = math.max(lane.tag, q.served) end
    heap[i] = lane
  end
  for at = math.floor(#heap / 2), 1, -1 do sink(heap, at) end
  local chosen, shares, some = {}, 0, math.ceil(most / math.max(#heap, 1)) + 1
  while #chosen + shares < most and #heap > 0 do
    local lane = heap[1]
    local isPlain = lane.key == ''
    local member = not isPlain and nextOf(q, lane, some)
    local id = member and readyIdIn(member, lane.key)
    if isPlain and shares < ungrouped or id and not holdOf(q, lane, id) then
      q.served = math.max(q.served, lane.tag)
      chargeTurn(lane)
      lane.picked = lane.picked + 1
      if isPlain then
        shares = shares + 1
      else
        chosen[#chosen + 1] = { lane = lane, member = member, id = id, after = #chosen + shares + 1 }
        if lane.running then lane.flying = runningIn(q, lane) + 1 end
        if lane.window then addTo(q, lane.window, costsOf(q, { id })[1]) end
        local spot = string.sub(member, #lane.key + 2, -#id - 2)
        local group = { key = lane.key, spot = spot, isOrdered = isOrderedSpot(spot) }
        q.groupOf[id] = group
        if group.isOrdered then lane.holder, lane.isHolderSeen = id, true end
      end
      settleFirst(heap, true)
    else
      if not isPlain then touchLane(q, lane) end -- it is held from here on, or empty
      settleFirst(heap, false)
    end
  end
  return chosen, shares
end
