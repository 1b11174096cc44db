#!lua flags=allow-oom
-- The processes that are there, a page at a time, and the names of queues that some process knew.
-- atomic because a process and when it was heard of must fit.
--
-- KEYS  1 processes HASH  2 present ZSET  3 queues ZSET
-- ARGV  1 processes to skip   2 processes to read; 0 reads the queues instead
-- returns { now, { process, ms when it was heard of, record, … }, { queue, … } sorted }
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
if ARGV[2] == '0' then
  local queues = redis.call('ZRANGEBYSCORE', KEYS[3], now - RULES.queueMemoryMs, '+inf', 'LIMIT', 0, RULES.mostQueues)
  table.sort(queues)
  return { nowText, {}, queues }
end
local seen = redis.call('ZRANGEBYSCORE', KEYS[2], now - RULES.presenceMs, '+inf', 'WITHSCORES', 'LIMIT', ARGV[1], ARGV[2])
local found = {}
for i = 1, #seen, 2 do
  local record = redis.call('HGET', KEYS[1], seen[i])
  if record then
    found[#found + 1] = seen[i]
    found[#found + 1] = seen[i + 1]
    found[#found + 1] = record
  end
end
return { nowText, found, {} }
