#!lua flags=allow-oom
-- Deletes a schedule: its rule, its next tick and its history.
-- atomic because a rule without a tick would pass for the unchanged one and never fire again.
--
-- KEYS  1 schedules HASH   2 specs HASH   3 ticks ZSET   4 announced ZSET   5 runs HASH
-- ARGV  1 name
-- returns 1 removed | 0 there was none
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('HDEL', KEYS[5], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
