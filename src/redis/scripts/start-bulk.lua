#!lua flags=allow-oom
-- Stores a bulk operation: it means the jobs that are there now, up to the highest number that anybody may have.
-- atomic because its boundary must be one moment, and no more than a few may run.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 id of the operation   4 what is asked for, JSON   5 executor   6 lease ms
-- returns 'started' | 'full': as many run as may
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/bulk
q.nowText = string.format('%.0f', now)
local running = runningBulks(q)
if #running >= RULES.mostBulks then return answer('full') end
local isKnown = redis.call('HEXISTS', q.bulks, ARGV[3]) == 1
if not isKnown then
  local block = redis.call('HGET', q.meta, 'lastBlock') or '0'
  local line = lineOf({ state = 'running', executor = ARGV[5], leaseEnd = string.format('%.0f', now + tonumber(ARGV[6])), looked = 0,
    matched = 0, done = 0, skipped = 0, failed = 0, known = 0, endedAt = 0, begun = '-', place = '0 ' })
  redis.call('HSET', q.bulks, ARGV[3], q.nowText .. ' ' .. block .. '\n' .. ARGV[4], ARGV[3] .. ':p', line)
end
for i = 1, #running do
  if running[i] == ARGV[3] then return answer('started') end
end
running[#running + 1] = ARGV[3]
redis.call('HSET', q.meta, 'bulks', table.concat(running, ' '))
return answer('started')
