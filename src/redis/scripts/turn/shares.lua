-- include lib/lane-moves

-- Whose turn it is. Start-time fair queueing: the lane with the lowest tag gives its next job, and its tag grows by what that job counts
-- for; the lane that joined first wins a tie, that of the jobs without a group loses it. So each lane that has jobs gets its share, and
-- one that had none for a while owes nothing and is owed nothing. A lane whose next job may not start is not looked at.

local function isBeforeLane(one, other)
  if one.tag ~= other.tag then return one.tag < other.tag end
  if one.key == '' or other.key == '' then return other.key == '' end
  return one.entry < other.entry
end

-- Adds a lane to those from this place on, which are in order. It mostly belongs to their end.
local function addInOrder(lanes, from, lane)
  local low, high = from, #lanes + 1
  if high == low or not isBeforeLane(lane, lanes[high - 1]) then
    lanes[high] = lane
    return
  end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isBeforeLane(lane, lanes[middle]) then high = middle else low = middle + 1 end
  end
  table.insert(lanes, low, lane)
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
  local page = lane.page
  if not page or lane.picked >= #page and not lane.isRead then
    local low, high = rangeOf(lane.key)
    local more = redis.call('ZRANGEBYLEX', q.grouped, low, high, 'LIMIT', page and #page or 0, some)
    lane.isRead = #more < some
    for i = 1, page and #more or 0 do page[#page + 1] = more[i] end
    lane.page = page or more
  end
  return lane.page[lane.picked + 1]
end

-- The jobs of at most `most` turns in order, as lib/lane-of tells their groups and { lane, id, after }, and how many turns are those of the jobs without a group. Nothing is
-- written: what the lanes are charged with stands in them.
local function chooseShares(q, most)
  readServed(q)
  q.groupOf = q.groupOf or {}
  local entries, keys = redis.call('ZRANGE', q.turns, 0, most - 1), {}
  for i = 1, #entries do keys[i] = string.sub(entries[i], 17) end
  local ungrouped = redis.call('LLEN', q.ready) + redis.call('ZCARD', q.priority)
  if ungrouped > 0 then keys[#keys + 1] = '' end
  local lanes = lanesOf(q, keys)
  for i = 1, #lanes do
    lanes[i].page, lanes[i].picked, lanes[i].isRead, lanes[i].turn = nil, 0, false, entries[i]
  end
  local chosen, shares, some = {}, 0, math.ceil(most / math.max(#lanes, 1)) + 1
  if ungrouped > 0 then
    local plain = table.remove(lanes)
    plain.tag = math.max(plain.tag, q.served)
    addInOrder(lanes, 1, plain)
  end
  -- Those that have given a job are in order by themselves.
  local given, first, firstGiven = {}, 1, 1
  while #chosen + shares < most do
    local lane, other = lanes[first], given[firstGiven]
    if other and (not lane or isBeforeLane(other, lane)) then
      lane, firstGiven = other, firstGiven + 1
    elseif lane then
      first = first + 1
    else
      break
    end
    local isPlain = lane.key == ''
    local member = not isPlain and nextOf(q, lane, some)
    local id = member and readyIdIn(member, lane.key)
    if isPlain and shares < ungrouped or id and (isFree(q, lane) or not holdOf(q, lane, id)) then
      q.served = math.max(q.served, lane.tag)
      chargeTurn(lane)
      lane.picked = lane.picked + 1
      if isPlain then
        shares = shares + 1
      else
        if lane.running then lane.flying = runningIn(q, lane) + 1 end
        if lane.window then addTo(q, lane.window, costsOf(q, { id })[1]) end
        local group = { key = lane.key, member = member, isOrdered = isOrderedIn(member, lane.key), lane = lane, id = id,
          after = #chosen + shares + 1 }
        chosen[#chosen + 1], q.groupOf[id] = group, group
        if group.isOrdered then lane.holder, lane.isHolderSeen = id, true end
      end
      addInOrder(given, firstGiven, lane)
    elseif not isPlain then
      touchLane(q, lane) -- it is held from here on, or empty
    end
  end
  return chosen, shares
end
