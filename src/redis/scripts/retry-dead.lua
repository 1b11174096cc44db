#!lua flags=allow-oom
-- A dead job becomes ready again, if it is still the dead job that was read.
-- atomic because two people may press the button at once.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 dead ZSET   4 ready LIST   5 priority ZSET   6 levels HASH   7 idle SET
--       8 ids HASH
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's   4 settledAt ms   5 envelope   6 priority
-- returns 'retried' | 'changed' | 'not-found'
local meta, jobs, dead, ready, priority, levels, idle = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local ids = KEYS[8]
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local level = tonumber(ARGV[6])
-- include lib/find-job
local id, record = findJob(ARGV[3])
if not record then return answer('not-found') end
if string.sub(record, 1, 14) ~= 'D' .. ARGV[4] then return answer('changed') end
-- include lib/journal
begin({ id })
if level > 0 then redis.call('HSET', levels, id, level) end
redis.call('HSET', jobs, id, ARGV[5])
redis.call('ZREM', dead, id)
redis.call('HINCRBY', meta, 'deadBytes', -#record)
if level > 0 then
  local position = redis.call('HINCRBY', meta, 'back', 1)
  redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
else
  redis.call('RPUSH', ready, id)
end
finish()
local state = redis.call('HMGET', meta, 'paused', 'listen')
-- include lib/news
if state[2] and tonumber(state[2]) > now then
  publish(string.sub(meta, 1, -5) .. 'events', string.format('%.0f', now) .. '\n' .. newsOf('enqueued', id, ARGV[5], ''))
end
if not state[1] then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local worker = redis.call('SPOP', idle)
    if not worker or publish(prefix .. ':wake:' .. worker, queue) > 0 then break end
  end
end
return answer('retried')
