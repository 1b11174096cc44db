#!lua flags=allow-oom
-- How many jobs are in each state.
-- atomic because the numbers must add up.
--
-- KEYS  1 meta HASH   2 ready LIST   3 priority ZSET   4 suspects LIST   5 scheduled ZSET   6 inflight HASH
--       7 parked ZSET   8 cancelled ZSET   9 dead ZSET
-- ARGV  none
-- returns { scheduled, ready, active, parked, blocked, completed, cancelled, dead, paused 1|0 }
local state = redis.call('HMGET', KEYS[1], 'readyHoles', 'completedCount', 'paused')
return {
  redis.call('ZCARD', KEYS[5]),
  redis.call('LLEN', KEYS[2]) - tonumber(state[1] or 0) + redis.call('ZCARD', KEYS[3]) + redis.call('LLEN', KEYS[4]),
  redis.call('HLEN', KEYS[6]) - redis.call('HEXISTS', KEYS[6], '-'), -- the field that keeps the hash a table
  redis.call('ZCARD', KEYS[7]),
  0,
  tonumber(state[2] or 0),
  redis.call('ZCARD', KEYS[8]),
  redis.call('ZCARD', KEYS[9]),
  state[3] and 1 or 0,
}
