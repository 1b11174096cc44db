-- include turn/shares
-- include turn/accept
-- include turn/adoptable
-- include lib/journal
-- include lib/place

-- Of the chosen jobs, how many one turn may take where records are long.
local function fittingOf(q, chosen)
  if not has(q, 'l') then return #chosen end
  local bytes = 0
  for i = 1, #chosen do
    bytes = bytes + redis.call('HSTRLEN', q.jobs, chosen[i].id)
    if bytes > RULES.mostLookedUp then return math.max(i - 1, 1) end
  end
  return #chosen
end

local MOST_SHARES = 100 -- jobs, some 2 ms
-- Adds the jobs of groups whose turn it is to what the turn reserves. Returns how many turns are those of the jobs without a group.
local function takeShares(q, turn, most)
  reopenLanes(q)
  local chosen, shares = chooseShares(q, math.min(most, MOST_SHARES))
  local fitting, ids = fittingOf(q, chosen), {}
  for i = 1, fitting do ids[i] = chosen[i].id end
  local passed = 0
  if #ids > 0 then passed = select(2, accept(q, turn, ids)) end
  if passed < #chosen then
    -- The rest has not had its turn: what is chosen up to here is chosen anew.
    local turns = passed > 0 and chosen[passed].after or 0
    turn.isFull = true
    q.lanesRead, q.served, q.touched, chosen, shares = nil, nil, nil, {}, 0
    if turns > 0 then chosen, shares = chooseShares(q, turns) end
  end
  turn.chosen = chosen
  local charged, isSeen = {}, {}
  for i = 1, #chosen do
    local lane = chosen[i].lane
    if lane.window and not isSeen[lane.key] then charged[#charged + 1] = lane end
    isSeen[lane.key] = true
  end
  writeLanes(q, charged) -- before they start, as the queue's rate
  return shares
end

-- The turn has taken its jobs: they leave their lanes, and what it touched is settled.
local function closeShares(q, turn)
  local members, plain = {}, q.lanesRead and q.lanesRead['']
  for i = 1, turn.chosen and #turn.chosen or 0 do
    local lane = turn.chosen[i].lane
    members[i] = turn.chosen[i].member
    local head = lane.page and lane.page[lane.picked + 1]
    if head or lane.isRead then lane.head = head or false end
  end
  if #members > 0 then redis.call('ZREM', q.grouped, unpack(members)) end
  if plain and plain.picked and plain.picked > 0 then writeLanes(q, { plain }) end
  if q.served and turn.chosen then redis.call('HSET', q.meta, 'served', string.format('%.6f', q.served)) end
  settleTouched(q)
end

-- Whether the group of a job keeps it from starting now, outside of its turn.
local function isGroupHeld(q, id)
  local group = groupsOf(q, { id })[1]
  return group and holdOf(q, laneOf(q, group.key), id) ~= nil
end

-- Whether no suspect may start, whichever of the first ones: then no worker should let its jobs end for one.
local function areSuspectsHeld(q)
  for _, id in ipairs(firstSuspects(q)) do
    if not isGroupHeld(q, id) then return false end
  end
  return true
end

-- A job starts outside of its turn: the rate of its group counts it.
local function chargeGroup(q, id)
  local group = groupsOf(q, { id })[1]
  local lane = group and laneOf(q, group.key)
  if lane and lane.window then addTo(q, lane.window, costsOf(q, { id })[1]) end
end

-- Whether a lane may give its next job, and when the first of the others may; nil where only the end of a job can tell.
local function lookAtLanes(q)
  local first = tonumber(redis.call('ZRANGE', q.held, 0, 0, 'WITHSCORES')[2] or nil)
  local isLeft = redis.call('ZCARD', q.turns) > 0 or q.isRelooking or first ~= nil and first <= q.now
  return isLeft, first and first > q.now and first < math.huge and first or nil
end

-- Jobs of groups that were parked, and whose names this worker knows, wait in their lanes again.
local function adoptIntoLanes(q, turn, most)
  local members, ids = adoptable(q, turn.adopt, most)
  if #ids == 0 then return end
  local groups, placed, placedIds = groupsOf(q, ids), {}, {}
  for i = 1, #ids do
    if groups[i] then placed[#placed + 1], placedIds[#placedIds + 1] = members[i], ids[i] end
  end
  if #placed == 0 then return end
  begin(q, placedIds)
  redis.call('ZREM', q.parked, unpack(placed))
  place(q, placedIds, 'back')
end
