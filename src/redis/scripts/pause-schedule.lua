#!lua flags=allow-oom
-- Pauses a schedule for a user: it has no tick until it is resumed. One that has ended stays as it is.
-- atomic because a rule that is paused must have no tick.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 name
-- returns '1' it exists | '0' there is none
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
local header = redis.call('HGET', q.schedules, ARGV[3])
if not header then return answer(0) end
local hash, state, rest = string.match(header, '^(%S+) (%S+) %S+ (.*)$')
if state ~= 'ended' and state ~= 'paused:user' then
  redis.call('HSET', q.schedules, ARGV[3], hash .. ' paused:user - ' .. rest)
  redis.call('ZREM', q.ticks, ARGV[3])
end
return answer(1)
