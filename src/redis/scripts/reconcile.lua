#!lua flags=allow-oom
-- One step over what is in flight: jobs that carry the worker's name and that it does not hold go back to the front.
-- atomic because a job must not be given back while its worker is being handed it.
--
-- KEYS  1 meta HASH   2 inflight HASH   3 ready LIST   4 priority ZSET   5 levels HASH   6 idle SET
-- ARGV  1 worker   2 cursor   3 items a step   4… ids that the worker holds
-- returns { now, next cursor ('0' at the end), number released }
local meta, inflight, ready, priority, levels, idle = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local held = {}
for i = 4, #ARGV do held[ARGV[i]] = true end
local scan = redis.call('HSCAN', inflight, ARGV[2], 'COUNT', ARGV[3])
local found = scan[2]
local orphans = {}
local owner = ARGV[1] .. ':'
for i = 1, #found, 2 do
  if string.sub(found[i + 1], 1, #owner) == owner and not held[found[i]] then orphans[#orphans + 1] = found[i] end
end
table.sort(orphans, function(a, b) return a > b end) -- the newest first, so that the oldest ends at the very front
for _, id in ipairs(orphans) do
  redis.call('HDEL', inflight, id)
  local level = tonumber(redis.call('HGET', levels, id) or 0)
  if level > 0 then
    local position = redis.call('HINCRBY', meta, 'front', -1)
    redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
  else
    redis.call('LPUSH', ready, id)
  end
end
if #orphans > 0 and redis.call('HEXISTS', meta, 'paused') == 0 then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local worker = redis.call('SPOP', idle)
    if not worker or redis.call('PUBLISH', prefix .. ':wake:' .. worker, queue) > 0 then break end
  end
end
return { string.format('%.0f', now), scan[1], #orphans }
