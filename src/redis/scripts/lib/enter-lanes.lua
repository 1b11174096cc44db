-- include lib/settle-lanes

-- Jobs of groups become ready: each gets its spot, and stands in its lane.

-- The group of a job that becomes ready, with its spot: { key, isOrdered, spot }.
local function groupAt(q, id, key, level, isOrdered, position)
  local rank = laneOf(q, key).holder == id and 0 or RULES.highestPriority + 1 - level
  local spot = string.format('%02d%015d', rank, 281474976710656 + position) .. (isOrdered and 'o' or '-')
  local group = { key = key, isOrdered = isOrdered, spot = spot }
  q.groupOf = q.groupOf or {}
  q.groupOf[id] = group
  return group
end

-- The first of so many positions, at the front or the back.
local function takePositions(q, where, count)
  if where == 'front' then return redis.call('HINCRBY', q.meta, 'front', -count) end
  return redis.call('HINCRBY', q.meta, 'back', count) - count + 1
end

-- The jobs stand where their groups say. A lane that nothing holds stays among the turns, whatever is added to it.
local function enterLanes(q, ids, groups)
  local members, staying, turns = {}, {}, {}
  for i = 1, #ids do
    local lane, member = laneOf(q, groups[i].key), memberOf(groups[i], ids[i])
    members[i * 2 - 1], members[i * 2] = 0, member
    if not isFree(q, lane) then touchLane(q, lane)
    elseif lane.entry == 0 then
      touchLane(q, lane)
      lane.head = member -- as good as the first one
    elseif not lane.isStaying then
      lane.isStaying = true
      staying[#staying + 1], turns[#turns + 1] = lane, turnOf(lane)
    end
  end
  redis.call('ZADD', q.grouped, unpack(members))
  local tags = #turns > 0 and redis.call('ZMSCORE', q.turns, unpack(turns))
  for i = 1, #staying do
    -- A script that stopped in the middle may have written of a turn that it did not add.
    if tags[i] then q.isLaneOpen = true else touchLane(q, staying[i]) end
  end
  closeLanes(q)
end

-- Jobs of groups become ready, in this order, at the front or the back of what has their priority. `texts` are their traits.
local function placeInLanes(q, ids, texts, where)
  local position, keys, groups, traits = takePositions(q, where, #ids), {}, {}, {}
  for i = 1, #ids do keys[i] = traitOf(texts[i], 'g') end
  lanesOf(q, keys)
  for i = 1, #ids do
    groups[i] = groupAt(q, ids[i], keys[i], tonumber(traitOf(texts[i], 'p') or 0) or 0, traitOf(texts[i], 'o') ~= nil, position + i - 1)
    traits[i * 2 - 1], traits[i * 2] = ids[i], withTrait(texts[i], 'l', groups[i].spot)
  end
  use(q, 'g')
  redis.call('HSET', q.traits, unpack(traits))
  enterLanes(q, ids, groups)
end

-- Rows of an enqueue, of groups, that go to the back: their traits get their spots before they are written.
local function spotNew(q, rows)
  if #rows == 0 then return end
  local position, keys = takePositions(q, 'back', #rows), {}
  for i = 1, #rows do keys[i] = rows[i].traits.g end
  lanesOf(q, keys)
  for i = 1, #rows do
    local row = rows[i]
    local group = groupAt(q, row.id, keys[i], tonumber(row.level), row.traits.o ~= nil, position + i - 1)
    row.text = row.text .. '\nl' .. group.spot
  end
end

local function placeNew(q, rows)
  if #rows == 0 then return end
  local ids, groups = {}, {}
  for i = 1, #rows do ids[i], groups[i] = rows[i].id, q.groupOf[rows[i].id] end
  enterLanes(q, ids, groups)
end

-- A call that is repeated finds a job in its place: where the first one stopped there, the lane is still to be settled.
local function touchPlaced(q, id)
  local group = has(q, 'g') and groupsOf(q, { id })[1]
  if group then touchLane(q, laneOf(q, group.key)) end
end
