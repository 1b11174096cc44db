#!lua flags=allow-oom
-- Deletes a schedule: its rule, its next tick and its history.
-- atomic because a rule without a tick would pass for the unchanged one and never fire again.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 name
-- returns '1' removed | '0' there was none
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
redis.call('HDEL', q.specs, ARGV[3])
redis.call('ZREM', q.ticks, ARGV[3])
redis.call('ZREM', q.announced, ARGV[3])
redis.call('HDEL', q.runs, ARGV[3])
return answer(redis.call('HDEL', q.schedules, ARGV[3]))
