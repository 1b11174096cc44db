#!lua flags=allow-oom
-- Pauses or resumes a queue, everywhere at once.
-- atomic because a resume must wake somebody for what piled up.
--
-- KEYS  1 meta HASH   2 idle SET
-- ARGV  1 caller (a lane)   2 call number   3 '1' paused | '0' resumed
-- returns '1' changed | '0' it was so already
local meta, idle = KEYS[1], KEYS[2]
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local changed
if ARGV[3] == '1' then
  changed = redis.call('HSETNX', meta, 'paused', '1')
else
  changed = redis.call('HDEL', meta, 'paused')
end
if changed == 1 then
  local event = ARGV[3] == '1' and 'paused' or 'resumed'
  local base = string.sub(meta, 1, -5)
  publish(base .. 'signals', event)
  local listen = redis.call('HGET', meta, 'listen')
  if listen and tonumber(listen) > now then
    publish(base .. 'events', string.format('%.0f', now) .. '\n' .. event .. '  \t\t')
  end
  if event == 'resumed' then
    local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
    for i = 1, 1000 do
      local worker = redis.call('SPOP', idle)
      if not worker then break end
      publish(prefix .. ':wake:' .. worker, queue)
    end
  end
end
return answer(changed)
