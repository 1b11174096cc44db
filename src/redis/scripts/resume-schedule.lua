#!lua flags=allow-oom
-- A paused schedule goes on from a tick that counts from now; one that is not paused stays as it is.
-- atomic because the tick was counted by the rule that was read, and must not be that of another.
--
-- KEYS  1 schedules HASH   2 ticks ZSET
-- ARGV  1 name   2 spec hash   3 next tick ms or '' (none)   4 look at ms or ''
-- returns 'resumed' | 'removed' (no code declares it) | 'changed' | 'not-found'
local schedules, ticks = KEYS[1], KEYS[2]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local name, tick, lookAt = ARGV[1], ARGV[3], ARGV[4]
local header = redis.call('HGET', schedules, name)
if not header then return 'not-found' end
local hash, state, counts, rest = string.match(header, '^(%S+) (%S+) %S+ (%S+ %S+ %S+ %S+) %S+ (.*)$')
if hash ~= ARGV[2] then return 'changed' end
if state == 'paused:removed' then return 'removed' end
if string.sub(state, 1, 7) ~= 'paused:' then return 'resumed' end
state = tick == '' and 'ended' or 'active'
redis.call('HSET', schedules, name, table.concat(
  { hash, state, tick == '' and '-' or tick, counts, string.format('%.0f', now), rest }, ' '))
if tick == '' then return 'resumed' end
if lookAt == '' then lookAt = tick end
local first = redis.call('ZRANGE', ticks, 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', ticks, lookAt, name)
-- Schedulers sleep until the earliest time they know: an earlier one must be told.
if not first or tonumber(lookAt) < tonumber(first) then
  redis.call('PUBLISH', string.sub(schedules, 1, -10) .. 'signals', 'schedules')
end
return 'resumed'
