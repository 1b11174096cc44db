#!lua flags=allow-oom
-- Hands out a block of job numbers that no one ever had: max(last + 1, clock), so that a failover which lost the
-- counter still rises. Also refuses a store that another format has written.
-- atomic because two producers must never get one block.
--
-- KEYS  all of the queue
-- ARGV  1 block size   2 format
-- returns { now, first number of the block } | { now, 'format', the format found }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local state = redis.call('HMGET', q.meta, 'format', 'lastBlock')
if state[1] and state[1] ~= ARGV[2] then return { nowText, 'format', state[1] } end
-- Redis keeps small hashes as a list that it searches from end to end: one long value makes it a table for good.
local long = string.rep('-', 65)
redis.call('HSETNX', q.jobs, '-', long)
redis.call('HSETNX', q.inflight, '-', long)
local block = math.max(math.floor(now * 1000 / tonumber(ARGV[1])), tonumber(state[2] or 0) + 1)
redis.call('HSET', q.meta, 'format', ARGV[2], 'lastBlock', string.format('%.0f', block))
return { nowText, string.format('%.0f', block) }
