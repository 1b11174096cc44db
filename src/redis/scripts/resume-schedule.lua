#!lua flags=allow-oom
-- A paused schedule goes on from a tick that counts from now; one that is not paused stays as it is.
-- atomic because the tick was counted by the rule that was read, and must not be that of another.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 name   4 spec hash   5 next tick ms or '' (none)
--       6 look at ms or ''
-- returns 'resumed' | 'removed' (no code declares it) | 'changed' | 'not-found'
-- include lib/keys
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
local name, tick, lookAt = ARGV[3], ARGV[5], ARGV[6]
local header = redis.call('HGET', q.schedules, name)
if not header then return answer('not-found') end
local hash, state, counts, rest = string.match(header, '^(%S+) (%S+) %S+ (%S+ %S+ %S+ %S+) %S+ (.*)$')
if hash ~= ARGV[4] then return answer('changed') end
if state == 'paused:removed' then return answer('removed') end
if string.sub(state, 1, 7) ~= 'paused:' then return answer('resumed') end
state = tick == '' and 'ended' or 'active'
redis.call('HSET', q.schedules, name, table.concat(
  { hash, state, tick == '' and '-' or tick, counts, string.format('%.0f', now), rest }, ' '))
if tick == '' then return answer('resumed') end
if lookAt == '' then lookAt = tick end
local first = redis.call('ZRANGE', q.ticks, 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', q.ticks, lookAt, name)
-- Schedulers sleep until the earliest time they know: an earlier one must wake them.
if not first or tonumber(lookAt) < tonumber(first) then
  publish(string.sub(q.schedules, 1, -10) .. 'signals', 'schedules')
end
return answer('resumed')
