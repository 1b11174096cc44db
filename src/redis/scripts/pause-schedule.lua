#!lua flags=allow-oom
-- Pauses a schedule for a user: it has no tick until it is resumed. One that has ended stays as it is.
-- atomic because a rule that is paused must have no tick.
--
-- KEYS  1 schedules HASH   2 ticks ZSET
-- ARGV  1 name
-- returns 1 it exists | 0 there is none
local schedules, ticks = KEYS[1], KEYS[2]
local header = redis.call('HGET', schedules, ARGV[1])
if not header then return 0 end
local hash, state, rest = string.match(header, '^(%S+) (%S+) %S+ (.*)$')
if state ~= 'ended' and state ~= 'paused:user' then
  redis.call('HSET', schedules, ARGV[1], hash .. ' paused:user - ' .. rest)
  redis.call('ZREM', ticks, ARGV[1])
end
return 1
