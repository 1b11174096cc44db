#!lua
-- Stores the rule of a schedule. The same rule again writes nothing, so that restarts never postpone a tick.
-- atomic because instances that start together must agree on one next tick.
--
-- KEYS  1 schedules HASH   2 ticks ZSET
-- ARGV  1 name   2 spec hash   3 spec JSON   4 first tick ms
-- returns 'created' | 'unchanged' | 'replaced'
local schedules, ticks = KEYS[1], KEYS[2]
local stored = redis.call('HGET', schedules, ARGV[1])
local lastTick = ''
if stored then
  local hash, last = string.match(stored, '^(%S+) (%d*)\n')
  if hash == ARGV[2] then return 'unchanged' end
  lastTick = last or ''
end
redis.call('HSET', schedules, ARGV[1], ARGV[2] .. ' ' .. lastTick .. '\n' .. ARGV[3])
redis.call('ZADD', ticks, ARGV[4], ARGV[1])
return stored and 'replaced' or 'created'
