#!lua flags=allow-oom
-- A worker's registrations go; what it held is given back before (reconcile with nothing held).
-- atomic because a worker must not be woken after it left.
--
-- KEYS  1 workers ZSET   2 idle SET   3 calls HASH
-- ARGV  1 worker
-- returns 1
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return 1
