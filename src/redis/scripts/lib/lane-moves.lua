-- include lib/settle-lanes

-- What hooks do with jobs of groups, where the queue has any.

-- A ready job loses its place. Returns whether it had one in a lane.
local function leaveLane(q, id)
  local group = groupsOf(q, { id })[1]
  local member = group and memberOf(group, id)
  if not member or redis.call('ZREM', q.grouped, member) == 0 then return false end
  touchLane(q, laneOf(q, group.key))
  closeLanes(q)
  return true
end

-- Jobs are reserved: they run from here on. The first ordered one holds its group.
local function fly(q, ids)
  local groups, members = groupsOf(q, ids), {}
  for i = 1, #ids do
    local group = groups[i]
    if group then
      members[#members + 1] = 0
      members[#members + 1] = group.key .. '\t' .. ids[i]
      local lane = laneOf(q, group.key)
      if group.isOrdered and not holderOf(q, lane) then lane.holder, lane.isHolderSeen = ids[i], true end
      lane.flying = nil -- counted again, with this one
      touchLane(q, lane)
    end
  end
  if #members > 0 then redis.call('ZADD', q.flying, unpack(members)) end
end

-- How many ms a job ran, by its token: a fence is the µs at which it was given, or a little more.
local function ranFor(q, token)
  local fence = tonumber(string.match(token or '', '(%d+)$'))
  return fence and math.max(q.now - fence / 1000, 0) or 0
end

-- A job of a lane has run so many ms: that takes the place of its part of what the jobs in flight were charged.
local function payFor(q, lane, ran)
  local charged = lane.owed / math.max(runningIn(q, lane), 1)
  lane.flying, lane.owed = lane.flying - 1, lane.owed - charged
  lane.tag = math.max(lane.tag + (math.max(ran, 1) - charged) / lane.weight, 0)
  lane.mean = lane.mean == 0 and math.max(ran, 1) or lane.mean + (ran - lane.mean) / RULES.runsOfMean
end

-- Jobs run no more: their tokens are about to be deleted. `tokens` is one of all, or by position, or nil where they are still to be read.
local function land(q, ids, tokens)
  local groups, members, isCounted = groupsOf(q, ids), {}, limitsOf(q) and limitsOf(q).groups or redis.call('EXISTS', q.rules) == 1
  for i = 1, #ids do
    local group = groups[i]
    if group then
      members[#members + 1] = group.key .. '\t' .. ids[i]
      local lane = isCounted and laneOf(q, group.key)
      if lane then touchLane(q, lane) end
      if lane and lane.byTime then
        local token = type(tokens) == 'table' and tokens[i] or tokens or redis.call('HGET', q.inflight, ids[i])
        payFor(q, lane, ranFor(q, token))
      end
    end
  end
  if #members > 0 then redis.call('ZREM', q.flying, unpack(members)) end
  if isCounted then
    for _, lane in pairs(q.lanesRead or {}) do lane.flying = nil end
    closeLanes(q)
  end
end

-- Jobs end: who held its group holds it no more.
local function endInLanes(q, ids)
  local groups = groupsOf(q, ids)
  local hasHeld = false
  for i = 1, #ids do
    if groups[i] and groups[i].isOrdered then
      local lane = laneOf(q, groups[i].key)
      if lane.holder == ids[i] then
        lane.holder, hasHeld = nil, true
        touchLane(q, lane)
      end
    end
  end
  if hasHeld then closeLanes(q) end
end
