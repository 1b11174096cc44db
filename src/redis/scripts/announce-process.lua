#!lua flags=allow-oom
-- A process says what it does, or that it ends; those that have been silent for long are forgotten.
-- atomic because a process and when it was heard of must fit.
--
-- KEYS  1 processes HASH  2 present ZSET  3 queues ZSET
-- ARGV  1 process   2 record, '' at its end   3… queues that it knows
-- returns { now }
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function forget(ids)
  if #ids == 0 then return end
  redis.call('HDEL', KEYS[1], unpack(ids))
  redis.call('ZREM', KEYS[2], unpack(ids))
end

if ARGV[2] == '' then
  forget({ ARGV[1] })
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[2], now, ARGV[1])
  forget(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. now - RULES.presenceMs, 'LIMIT', 0, 100))
  local over = redis.call('ZCARD', KEYS[2]) - RULES.mostProcesses
  if over > 0 then forget(redis.call('ZRANGE', KEYS[2], 0, math.min(over, 100) - 1)) end
  for i = 3, #ARGV do redis.call('ZADD', KEYS[3], now, ARGV[i]) end
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. now - RULES.queueMemoryMs)
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - RULES.mostQueues)
end
return { string.format('%.0f', now) }
