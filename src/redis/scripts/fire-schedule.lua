#!lua
-- Compare and set: enqueues the job of one tick, if rule and tick are still the stored ones and the tick has come.
-- atomic because of any number of instances that fire one tick exactly one may enqueue.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ready LIST   4 priority ZSET   5 levels HASH   6 ids HASH   7 idle SET
--       8 schedules HASH   9 ticks ZSET
-- ARGV  1 name   2 spec hash   3 tick ms   4 next tick ms or ''   5 job id or '' (skip)   6 user id   7 envelope   8 priority
-- returns 'fired' | 'stale' | 'early'
local meta, jobs, ready, priority, levels, ids, idle = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local schedules, ticks = KEYS[8], KEYS[9]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local name, hash, tick = ARGV[1], ARGV[2], tonumber(ARGV[3])
local stored = redis.call('HGET', schedules, name)
local score = redis.call('ZSCORE', ticks, name)
if not stored or not score or tonumber(score) ~= tick then return 'stale' end
local storedHash, last, spec = string.match(stored, '^(%S+) (%d*)\n(.*)$')
if storedHash ~= hash then return 'stale' end
if now < tick then return 'early' end
if ARGV[5] ~= '' then last = ARGV[3] end
redis.call('HSET', schedules, name, hash .. ' ' .. last .. '\n' .. spec)
if ARGV[4] == '' then
  redis.call('ZREM', ticks, name)
else
  redis.call('ZADD', ticks, ARGV[4], name)
end
local id, level = ARGV[5], tonumber(ARGV[8])
if id == '' then return 'fired' end
if redis.call('HSETNX', ids, ARGV[6], id) == 0 then
  if redis.call('HEXISTS', jobs, redis.call('HGET', ids, ARGV[6])) == 1 then return 'fired' end
  redis.call('HSET', ids, ARGV[6], id)
end
redis.call('HSET', jobs, id, ARGV[7])
if level > 0 then
  redis.call('HSET', levels, id, level)
  local position = redis.call('HINCRBY', meta, 'back', 1)
  redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
else
  redis.call('RPUSH', ready, id)
end
local state = redis.call('HMGET', meta, 'paused', 'listen')
if state[2] and tonumber(state[2]) > now then
  redis.call('PUBLISH', string.sub(meta, 1, -5) .. 'events', string.format('%.0f', now) .. '\nenqueued ' .. id .. ' ')
end
if not state[1] then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local worker = redis.call('SPOP', idle)
    if not worker or redis.call('PUBLISH', prefix .. ':wake:' .. worker, queue) > 0 then break end
  end
end
return 'fired'
