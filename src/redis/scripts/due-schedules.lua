#!lua flags=allow-oom
-- Schedules whose tick has come, by the clock of Redis, and the next tick to come.
-- atomic because a rule and its tick must fit.
--
-- KEYS  1 schedules HASH   2 ticks ZSET
-- ARGV  1 most schedules   2 '1' all of them, due or not
-- returns { now, next tick ms or '', then per schedule: name, record, tick ms … }
local schedules, ticks = KEYS[1], KEYS[2]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local reply = { nowText, '' }
local upTo = ARGV[2] == '1' and '+inf' or nowText
local due = redis.call('ZRANGEBYSCORE', ticks, '-inf', upTo, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #due, 2 do
  local record = redis.call('HGET', schedules, due[i])
  if record then
    reply[#reply + 1] = due[i]
    reply[#reply + 1] = record
    reply[#reply + 1] = string.format('%.0f', tonumber(due[i + 1]))
  else
    redis.call('ZREM', ticks, due[i])
  end
end
local upcoming = redis.call('ZRANGEBYSCORE', ticks, '(' .. nowText, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
if upcoming[2] then reply[2] = string.format('%.0f', tonumber(upcoming[2])) end
return reply
