#!lua flags=allow-oom
-- Pauses a schedule for a user: it has no tick until it is resumed. One that has ended stays as it is.
-- atomic because a rule that is paused must have no tick.
--
-- KEYS  1 meta HASH   2 schedules HASH   3 ticks ZSET
-- ARGV  1 caller (a lane)   2 call number   3 name
-- returns '1' it exists | '0' there is none
local meta, schedules, ticks = KEYS[1], KEYS[2], KEYS[3]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local header = redis.call('HGET', schedules, ARGV[3])
if not header then return answer(0) end
local hash, state, rest = string.match(header, '^(%S+) (%S+) %S+ (.*)$')
if state ~= 'ended' and state ~= 'paused:user' then
  redis.call('HSET', schedules, ARGV[3], hash .. ' paused:user - ' .. rest)
  redis.call('ZREM', ticks, ARGV[3])
end
return answer(1)
