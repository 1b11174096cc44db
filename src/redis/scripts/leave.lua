#!lua flags=allow-oom
-- A worker's registrations go; what it held is given back before (reconcile with nothing held). Its call record stays
-- until it is old, so that a late copy of a turn reserves nothing.
-- atomic because a worker must not be woken after it left, and a lease must stay while jobs were reserved under it.
--
-- KEYS  all of the queue
-- ARGV  1 worker   2 the lease expiry ms that was seen before its jobs were given back, or ''
-- returns 1 it left | 0 its lease was renewed meanwhile: look again what it holds
-- include lib/keys
redis.call('SREM', q.idle, ARGV[1])
local expiry = redis.call('ZSCORE', q.workers, ARGV[1])
if not expiry then return 1 end
if string.format('%.0f', tonumber(expiry)) ~= ARGV[2] then return 0 end
redis.call('ZREM', q.workers, ARGV[1])
return 1
