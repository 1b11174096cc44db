#!lua flags=allow-oom
-- Renews a worker's lease and tells it which of its jobs somebody wants cancelled. It also proves that Redis was there, while
-- the main loops that scan stand still.
-- atomic because "had it lapsed" and "it runs again" must be one answer.
--
-- KEYS  1 meta HASH   2 workers ZSET   3 cancelling HASH   4 inflight HASH
-- ARGV  1 worker   2 lease ms
-- returns { now, lapsed 1|0, cancelling ids }
local meta, workers, cancelling, inflight, worker = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/witness
witness(now, tonumber(ARGV[2]))
local expiry = redis.call('ZSCORE', workers, worker)
local lapsed = (not expiry or tonumber(expiry) <= now) and 1 or 0
redis.call('ZADD', workers, string.format('%.0f', now + tonumber(ARGV[2])), worker)
local mine = {}
if redis.call('EXISTS', cancelling) == 1 then
  for _, id in ipairs(redis.call('HKEYS', cancelling)) do
    local token = redis.call('HGET', inflight, id)
    if token and string.sub(token, 1, #worker + 1) == worker .. ':' then mine[#mine + 1] = id end
  end
end
return { string.format('%.0f', now), lapsed, mine }
