#!lua flags=allow-oom
-- A worker whose lease ran out was only slow: the crash that was counted for each of its jobs is taken back.
-- A suspect stays one until it has run alone.
-- atomic because a count that rises meanwhile must not be lost.
--
-- KEYS  1 meta HASH   2 crashes HASH
-- ARGV  1 caller (a lane)   2 call number   3 crashes until dead   4… ids of the jobs that the worker lost
-- returns how many counts were lowered
local meta, crashes = KEYS[1], KEYS[2]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local lowered = 0
for i = 4, #ARGV do
  local count = tonumber(redis.call('HGET', crashes, ARGV[i]) or 0)
  if count > 0 and count < tonumber(ARGV[3]) - 1 then
    if redis.call('HINCRBY', crashes, ARGV[i], -1) <= 0 then redis.call('HDEL', crashes, ARGV[i]) end
    lowered = lowered + 1
  end
end
return answer(lowered)
