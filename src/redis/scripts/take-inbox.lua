#!lua
-- Moves elements of a plain list (tail first, as LPUSH fills it) into the queue, each as a job.
-- atomic because an element must be in the list or a job at any moment.
-- Without allow-oom: while Redis is full the elements stay where they are.
--
-- KEYS  all of the queue, then the inbox LIST
-- ARGV  1 caller   2 call number   3 envelope head of each job, without its newline   4… ids, one per element at most
-- returns { now, number moved, 1 an earlier call stopped and mend.lua places what it took | 0 }
-- include lib/keys
local inbox = KEYS[#KEYS]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish-or-fail
-- include lib/place
-- include lib/notify
-- include lib/wake
local recordField, takingField = '@' .. ARGV[1], 'taking:' .. inbox
local record, taking = readState(q, now, recordField, takingField)
-- A repeated call must not move the next elements under the ids of the first ones; an older one moves nothing.
if record then
  local number, moved = string.match(record, '^(%d+) %d+ (%d+)$')
  if tonumber(number) >= tonumber(ARGV[2]) then return { q.nowText, number == ARGV[2] and tonumber(moved) or 0, 0 } end
end
-- A call before this one stopped in the middle: its elements are jobs already if the list has lost them.
if taking then
  local length, before = string.match(taking, '^(%d+) (.*)$')
  local first = redis.call('HGET', q.jobs, string.match(before, '^%S+'))
  local tail = redis.call('LINDEX', inbox, -1)
  if first and tail and string.sub(first, -#tail - 1) == '\n' .. tail and redis.call('LLEN', inbox) >= tonumber(length) then
    for id in string.gmatch(before, '%S+') do redis.call('HDEL', q.jobs, id) end
  elseif first then
    redis.call('HSET', q.meta, 'torn', (redis.call('HGET', q.meta, 'torn') or '') .. ' ' .. before)
  end
  redis.call('HDEL', q.meta, takingField)
  return { q.nowText, 0, 1 }
end
local elements = #ARGV > 3 and redis.call('LRANGE', inbox, -1, -1) or {}
if #elements == 0 then return { q.nowText, 0, 0 } end
-- What is long takes Lua long to copy: a few of them are enough.
local most = #elements[1] > RULES.longEnvelope and math.min(4, #ARGV - 3) or #ARGV - 3
if most > 1 then
  local tail = redis.call('LRANGE', inbox, -most, -1)
  for i = 1, #tail do elements[i] = tail[#tail - i + 1] end
end
local fields, ids, long = {}, {}, false
for i = 1, #elements do
  if #elements[i] > RULES.longEnvelope then long = true end
  ids[i] = ARGV[i + 3]
  fields[i * 2 - 1] = ids[i]
  fields[i * 2] = ARGV[3] .. '\n' .. elements[i]
end
redis.call('HSET', q.meta, takingField, redis.call('LLEN', inbox) .. ' ' .. table.concat(ids, ' '))
redis.call('HSET', q.jobs, unpack(fields))
redis.call('LTRIM', inbox, 0, -#elements - 1)
place(q, ids, 'back', false)
redis.call('HDEL', q.meta, takingField)
redis.call('HSET', q.meta, recordField, ARGV[2] .. ' ' .. t[1] .. ' ' .. #elements)
if long then use(q, 'l') end -- as enqueue.lua
for i = 1, #ids do addEvent(q, 'enqueued', ids[i], fields[i * 2], '') end
sendNotices(q)
wake(q)
return { q.nowText, #elements, 0 }
