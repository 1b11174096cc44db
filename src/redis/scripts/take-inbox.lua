#!lua
-- Moves elements of a plain list (tail first, as LPUSH fills it) into the queue, each as a job.
-- atomic because an element must be in the list or a job at any moment.
-- Without allow-oom: while Redis is full the elements stay where they are.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ready LIST   4 idle SET   5 inbox LIST
-- ARGV  1 caller   2 call number   3 envelope head of each job, without its newline   4… ids, one per element at most
-- returns { now, number moved, 1 an earlier call stopped and mend.lua places what it took | 0 }
local meta, jobs, ready, idle, inbox = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local recordField = '@' .. ARGV[1]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
-- A repeated call must not move the next elements under the ids of the first ones; an older one moves nothing.
local record = redis.call('HGET', meta, recordField)
if record then
  local number, moved = string.match(record, '^(%d+) %d+ (%d+)$')
  if tonumber(number) >= tonumber(ARGV[2]) then return { nowText, number == ARGV[2] and tonumber(moved) or 0, 0 } end
end
-- A call before this one stopped in the middle: its elements are jobs already if the list has lost them.
local takingField = 'taking:' .. inbox
local taking = redis.call('HGET', meta, takingField)
if taking then
  local length, before = string.match(taking, '^(%d+) (.*)$')
  local first = redis.call('HGET', jobs, string.match(before, '^%S+'))
  local tail = redis.call('LINDEX', inbox, -1)
  if first and tail and string.sub(first, -#tail - 1) == '\n' .. tail and redis.call('LLEN', inbox) >= tonumber(length) then
    for id in string.gmatch(before, '%S+') do redis.call('HDEL', jobs, id) end
  elseif first then
    redis.call('HSET', meta, 'torn', (redis.call('HGET', meta, 'torn') or '') .. ' ' .. before)
  end
  redis.call('HDEL', meta, takingField)
  return { nowText, 0, 1 }
end
local elements = #ARGV > 3 and redis.call('LRANGE', inbox, -1, -1) or {}
if #elements == 0 then return { nowText, 0, 0 } end
-- What is long takes Lua long to copy: a few of them are enough.
local most = #elements[1] > 16384 and math.min(4, #ARGV - 3) or #ARGV - 3
if most > 1 then
  local tail = redis.call('LRANGE', inbox, -most, -1)
  for i = 1, #tail do elements[i] = tail[#tail - i + 1] end
end
local fields, pushed, long = {}, {}, false
for i = 1, #elements do
  if #elements[i] > 16384 then long = true end
  pushed[i] = ARGV[i + 3]
  fields[i * 2 - 1] = ARGV[i + 3]
  fields[i * 2] = ARGV[3] .. '\n' .. elements[i]
end
redis.call('HSET', meta, takingField, redis.call('LLEN', inbox) .. ' ' .. table.concat(pushed, ' '))
redis.call('HSET', jobs, unpack(fields))
redis.call('LTRIM', inbox, 0, -#elements - 1)
redis.call('RPUSH', ready, unpack(pushed))
redis.call('HDEL', meta, takingField)
redis.call('HSET', meta, recordField, ARGV[2] .. ' ' .. t[1] .. ' ' .. #elements)
if long then redis.call('HSET', meta, 'long', '1') end -- as enqueue.lua
local state = redis.call('HMGET', meta, 'paused', 'listen')
if state[2] and tonumber(state[2]) > now then
  local events = {}
  for i = 1, #pushed do events[i] = 'enqueued ' .. pushed[i] .. ' \t' .. ARGV[3] .. '\t' end
  redis.call('PUBLISH', string.sub(meta, 1, -5) .. 'events', nowText .. '\n' .. table.concat(events, '\n'))
end
if not state[1] then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local worker = redis.call('SPOP', idle)
    if not worker or redis.call('PUBLISH', prefix .. ':wake:' .. worker, queue) > 0 then break end
  end
end
return { nowText, #elements, 0 }
