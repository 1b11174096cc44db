-- include lib/traits
-- include lib/lane-moves

-- A live job that does not run loses its place.
local function unplace(q, id)
  if has(q, 'g') and leaveLane(q, id) then return end
  if redis.call('ZREM', q.scheduled, id) == 0 and redis.call('ZREM', q.priority, id) == 0
      and (not isParked(q, id) or redis.call('ZREM', q.parked, parkedMemberOf(q, id)) == 0)
      and (redis.call('EXISTS', q.suspects) == 0 or redis.call('LREM', q.suspects, 1, id) == 0) then
    redis.call('HINCRBY', q.meta, 'readyHoles', 1) -- its number stays in the ready list; whoever reserves skips it
  end
end
