#!lua flags=allow-oom
-- How many jobs are in each state.
-- atomic because the numbers must add up.
--
-- KEYS  all of the queue
-- ARGV  none
-- returns { scheduled, ready, active, parked, blocked, completed, cancelled, dead, paused 1|0 }
-- include lib/keys
local state = redis.call('HMGET', q.meta, 'readyHoles', 'completedCount', 'paused')
return {
  redis.call('ZCARD', q.scheduled),
  redis.call('LLEN', q.ready) - tonumber(state[1] or 0) + redis.call('ZCARD', q.priority) + redis.call('LLEN', q.suspects),
  redis.call('HLEN', q.inflight) - redis.call('HEXISTS', q.inflight, '-'), -- the field that keeps the hash a table
  redis.call('ZCARD', q.parked),
  0,
  tonumber(state[2] or 0),
  redis.call('ZCARD', q.cancelled),
  redis.call('ZCARD', q.dead),
  state[3] and 1 or 0,
}
