#!lua flags=allow-oom
-- Deletes up to so many jobs of one state, oldest first.
-- atomic because a job and what is kept beside it go together.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ids HASH   4 ready LIST   5 priority ZSET   6 suspects LIST   7 scheduled ZSET
--       8 parked ZSET   9 completed LIST   10 cancelled ZSET   11 dead ZSET   12 levels HASH   13 crashes HASH
--      14 notes HASH   15 waiters HASH
-- ARGV  1 caller (a lane)   2 call number   3 state   4 most jobs
-- returns 'removed more', two numbers; more is 1 or 0
local meta, jobs, ids, ready, priority, suspects = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local scheduled, parked, completed, cancelled, dead = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local levels, crashes, notes, waiters = KEYS[12], KEYS[13], KEYS[14], KEYS[15]
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local state, limit = ARGV[3], tonumber(ARGV[4])
local victims, records = {}, {}
-- include lib/each-word
-- include lib/journal

local function popSorted(store)
  local popped = redis.call('ZRANGE', store, 0, limit - #victims - 1)
  if #popped == 0 then return end
  begin(popped)
  redis.call('ZREM', store, unpack(popped))
  for i = 1, #popped do victims[#victims + 1] = popped[i] end
end
local function popList(store)
  if #victims >= limit then return 0 end
  local popped = redis.call('LRANGE', store, 0, limit - #victims - 1)
  if #popped == 0 then return 0 end
  begin(popped)
  redis.call('LPOP', store, #popped)
  for i = 1, #popped do victims[#victims + 1] = popped[i] end
  return #popped
end

local function freeUserId(id, record)
  local head = string.byte(record)
  local settled = head == 67 or head == 88 or head == 68
  local envelope = settled and string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1) or record
  local userId = string.match(envelope, '^1%w* ([^ {\n]+)')
  if userId and redis.call('HGET', ids, userId) == id then redis.call('HDEL', ids, userId) end
end

local counter, holes
local more
if state == 'ready' then
  popList(suspects)
  if #victims < limit then popSorted(priority) end
  holes = 'readyHoles'
  popList(ready)
  more = redis.call('LLEN', ready) + redis.call('ZCARD', priority) + redis.call('LLEN', suspects)
elseif state == 'scheduled' then
  popSorted(scheduled)
  more = redis.call('ZCARD', scheduled)
elseif state == 'parked' then
  popSorted(parked)
  for i = 1, #victims do victims[i] = string.match(victims[i], '([^ ]+)$') end -- a foreign name may hold spaces
  more = redis.call('ZCARD', parked)
elseif state == 'completed' then
  local looked = 0
  while #victims < limit and looked < 1000 do
    local element = redis.call('LINDEX', completed, 0)
    if not element then break end
    local named = {}
    eachWord(element, function(id) named[#named + 1] = id end)
    begin(named)
    redis.call('LPOP', completed)
    local at, size = string.match(element, '^(%d+) (%d+)')
    local words, left, bytes = {}, 0, 0
    for i = 1, #named do
      local id = named[i]
      if #victims >= limit then
        words[#words + 1] = id
        left = left + 1
      else
        looked = looked + 1
        local record = redis.call('HGET', jobs, id)
        if record then -- else it was removed by hand
          victims[#victims + 1] = id
          records[id] = record
          bytes = bytes + #record
        end
      end
    end
    if left > 0 then -- more ended together than are wanted: the others stay
      local rest = string.format('%.0f', size - bytes)
      redis.call('LPUSH', completed, at .. ' ' .. rest .. ' ' .. left .. ' ' .. table.concat(words, ' '))
      size = bytes
    end
    redis.call('HINCRBY', meta, 'completedBytes', string.format('%.0f', -size))
  end
  more = redis.call('LLEN', completed)
elseif state == 'cancelled' then
  popSorted(cancelled)
  counter = 'cancelledBytes'
  more = redis.call('ZCARD', cancelled)
elseif state == 'dead' then
  popSorted(dead)
  counter = 'deadBytes'
  more = redis.call('ZCARD', dead)
else
  more = 0
end

local removed, missing, bytes = 0, 0, 0
local base = string.sub(meta, 1, -5)
local events = {}
local listen = redis.call('HGET', meta, 'listen')
local listening = listen and tonumber(listen) > now
-- include lib/news
for i = 1, #victims do
  local id = victims[i]
  local record = records[id] or redis.call('HGET', jobs, id)
  local head = record and string.byte(record)
  local settled = head == 67 or head == 88 or head == 68
  if not record or (settled and state == 'ready') then
    missing = missing + 1
  else
    removed = removed + 1
    bytes = bytes + #record
    freeUserId(id, record)
    redis.call('HDEL', levels, id)
    redis.call('HDEL', crashes, id)
    redis.call('HDEL', notes, id .. ':progress', id .. ':logs')
    redis.call('HDEL', jobs, id)
    if redis.call('HDEL', waiters, id) == 1 then
      publish(base .. 'settled', id .. ' X' .. string.format('%.0f', now) .. '{"reason":"removed"}')
    end
    if listening then events[#events + 1] = newsOf('removed', id, record, '') end
  end
end
-- Redis refuses the number -0.
if state == 'completed' and removed > 0 then redis.call('HINCRBY', meta, 'completedCount', -removed) end
if state == 'completed' and more == 0 then
  -- An empty list tells of none, whatever was done to the records by hand.
  redis.call('HDEL', meta, 'completedCount', 'completedBytes')
end
if holes and missing > 0 then redis.call('HINCRBY', meta, holes, -missing) end
if counter and bytes > 0 then redis.call('HINCRBY', meta, counter, -bytes) end
finish()
if #events > 0 then
  publish(base .. 'events', string.format('%.0f', now) .. '\n' .. table.concat(events, '\n'))
end
return answer(removed .. ' ' .. (more > 0 and 1 or 0))
