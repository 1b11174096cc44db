-- include lib/lane-moves

-- Handlers met limits that are not ours: nothing starts for so many ms, of the queue or, where `isOfGroup`, of the group of each job.
local function closeGates(q, ids, waits, isOfGroup)
  if #ids == 0 then return end
  local groups, gate = isOfGroup and has(q, 'g') and groupsOf(q, ids) or {}, 0
  for i = 1, #ids do
    local untilMs = q.now + tonumber(waits[i])
    if groups[i] then
      local lane = laneOf(q, groups[i].key)
      lane.gate = math.max(lane.gate, untilMs)
      touchLane(q, lane)
    else
      gate = math.max(gate, untilMs)
    end
  end
  if gate == 0 then return end
  use(q, 'r')
  gate = math.max(gate, tonumber(redis.call('HGET', q.meta, 'gate') or 0))
  redis.call('HSET', q.meta, 'gate', string.format('%.0f', gate))
end
