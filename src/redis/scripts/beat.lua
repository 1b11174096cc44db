#!lua flags=allow-oom
-- Renews a worker's lease and answers which of its jobs somebody wants cancelled. It also proves that Redis was there, while
-- the main loops that scan stand still.
-- atomic because "had it lapsed" and "it runs again" must be one answer.
--
-- KEYS  all of the queue
-- ARGV  1 worker   2 lease ms
-- returns { now, lapsed 1|0, cancelling ids }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/update-grace
-- include lib/marked-of
updateGrace(q, now, tonumber(ARGV[2]))
local expiry = redis.call('ZSCORE', q.workers, ARGV[1])
local lapsed = (not expiry or tonumber(expiry) <= now) and 1 or 0
redis.call('ZADD', q.workers, string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
return { string.format('%.0f', now), lapsed, markedOf(q, ARGV[1]) }
