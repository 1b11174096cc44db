#!lua flags=allow-oom
-- Somebody listens to the events of this queue for a while: only then are they made.
-- atomic because it is one write by the clock of Redis.
--
-- KEYS  1 meta HASH
-- ARGV  1 for how long, ms
-- returns 1
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], 'listen', string.format('%.0f', now + tonumber(ARGV[1])))
return 1
