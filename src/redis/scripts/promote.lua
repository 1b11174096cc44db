#!lua flags=allow-oom
-- Scheduled jobs that are due become ready, in the order of their due times.
-- atomic because a due job must be scheduled or ready at any moment, and be promoted once.
--
-- KEYS  1 meta HASH   2 scheduled ZSET   3 ready LIST   4 priority ZSET   5 levels HASH   6 idle SET
--       7 jobs HASH
-- ARGV  1 most jobs
-- returns { now, number promoted, next due ms or '' }
local meta, scheduled, ready, priority, levels, idle = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local jobs = KEYS[7]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local due = redis.call('ZRANGEBYSCORE', scheduled, '-inf', nowText, 'LIMIT', 0, ARGV[1])
-- include lib/journal
if #due > 0 then
  begin(due)
  redis.call('ZREMRANGEBYRANK', scheduled, 0, #due - 1)
  if redis.call('EXISTS', levels) == 1 then
    for i = 1, #due do
      local level = tonumber(redis.call('HGET', levels, due[i]) or 0) or 0
      if level > 0 then
        local position = redis.call('HINCRBY', meta, 'back', 1)
        redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), due[i])
      else
        redis.call('RPUSH', ready, due[i])
      end
    end
  else
    redis.call('RPUSH', ready, unpack(due))
  end
  finish()
  local state = redis.call('HMGET', meta, 'paused', 'listen')
  if state[2] and tonumber(state[2]) > now then
    -- include lib/looked-up-news
    local events = {}
    for i = 1, #due do events[i] = newsOf('promoted', due[i], recordForNews(due[i]), '') end
    redis.call('PUBLISH', string.sub(meta, 1, -5) .. 'events', nowText .. '\n' .. table.concat(events, '\n'))
  end
  if not state[1] then
    local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
    for i = 1, 8 do
      local worker = redis.call('SPOP', idle)
      if not worker or redis.call('PUBLISH', prefix .. ':wake:' .. worker, queue) > 0 then break end
    end
  end
end
local head = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
return { nowText, #due, head[2] and string.format('%.0f', tonumber(head[2])) or '' }
