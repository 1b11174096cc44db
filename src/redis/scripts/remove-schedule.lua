#!lua flags=allow-oom
-- Deletes a schedule, its rule and its next tick.
-- atomic because a rule without a tick would pass for the unchanged one and never fire again.
--
-- KEYS  1 schedules HASH   2 ticks ZSET
-- ARGV  1 name
-- returns 1 removed | 0 there was none
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
