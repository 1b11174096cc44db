#!lua flags=allow-oom
-- A worker whose lease ran out was only slow: the crash that was counted for each of its jobs is taken back.
-- A suspect stays one until it has run alone.
-- atomic because a count that rises meanwhile must not be lost.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 crashes until dead   4… ids of the jobs that the worker lost
-- returns how many counts were lowered
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
local lowered = 0
for i = 4, #ARGV do
  local count = tonumber(redis.call('HGET', q.crashes, ARGV[i]) or 0)
  if count > 0 and count < tonumber(ARGV[3]) - 1 then
    if redis.call('HINCRBY', q.crashes, ARGV[i], -1) <= 0 then redis.call('HDEL', q.crashes, ARGV[i]) end
    lowered = lowered + 1
  end
end
return answer(lowered)
