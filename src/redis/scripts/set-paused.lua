#!lua flags=allow-oom
-- Pauses or resumes a queue, everywhere at once.
-- atomic because a resume must wake somebody for what piled up.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 '1' paused | '0' resumed
-- returns '1' changed | '0' it was so already
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/wake
readState(q, now)
local changed
if ARGV[3] == '1' then
  changed = redis.call('HSETNX', q.meta, 'paused', '1')
else
  changed = redis.call('HDEL', q.meta, 'paused')
end
if changed == 1 then
  local event = ARGV[3] == '1' and 'paused' or 'resumed'
  local base = string.sub(q.meta, 1, -5)
  publish(base .. 'signals', event)
  if q.listening then publish(base .. 'events', q.nowText .. '\n' .. event .. '  \t\t') end
  for _ = 1, event == 'resumed' and 1000 or 0 do
    local worker = nextIdle(q)
    if not worker then break end
    publish(wakeChannelOf(q, worker))
  end
end
return answer(changed)
