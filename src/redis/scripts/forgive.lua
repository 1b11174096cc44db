#!lua flags=allow-oom
-- A worker whose lease ran out was only slow: the crash that was counted for each of its jobs is taken back.
-- A suspect stays one until it has run alone.
-- atomic because a count that rises meanwhile must not be lost.
--
-- KEYS  1 crashes HASH
-- ARGV  1 crashes until dead   2… ids of the jobs that the worker lost
-- returns how many counts were lowered
local crashes = KEYS[1]
local lowered = 0
for i = 2, #ARGV do
  local count = tonumber(redis.call('HGET', crashes, ARGV[i]) or 0)
  if count > 0 and count < tonumber(ARGV[1]) - 1 then
    if redis.call('HINCRBY', crashes, ARGV[i], -1) <= 0 then redis.call('HDEL', crashes, ARGV[i]) end
    lowered = lowered + 1
  end
end
return lowered
