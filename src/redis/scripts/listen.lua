#!lua flags=allow-oom
-- Somebody listens to the events of this queue for a while: only then are they made. Workers get a message when that begins:
-- from then on they say how long their runs took.
-- atomic because it is one write by the clock of Redis.
--
-- KEYS  all of the queue
-- ARGV  1 for how long, ms
-- returns 1
-- include lib/keys
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local before = redis.call('HGET', q.meta, 'listen')
redis.call('HSET', q.meta, 'listen', string.format('%.0f', now + tonumber(ARGV[1])))
if not before or tonumber(before) <= now then publish(string.sub(q.meta, 1, -5) .. 'signals', 'listened') end
return 1
