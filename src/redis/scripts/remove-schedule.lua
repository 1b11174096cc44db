#!lua flags=allow-oom
-- Deletes a schedule: its rule, its next tick and its history.
-- atomic because a rule without a tick would pass for the unchanged one and never fire again.
--
-- KEYS  1 meta HASH   2 schedules HASH   3 specs HASH   4 ticks ZSET   5 announced ZSET   6 runs HASH
-- ARGV  1 caller (a lane)   2 call number   3 name
-- returns '1' removed | '0' there was none
local meta = KEYS[1]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
redis.call('HDEL', KEYS[3], ARGV[3])
redis.call('ZREM', KEYS[4], ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[3])
redis.call('HDEL', KEYS[6], ARGV[3])
return answer(redis.call('HDEL', KEYS[2], ARGV[3]))
