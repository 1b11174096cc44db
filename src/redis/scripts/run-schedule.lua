#!lua
-- Enqueues a job of a schedule beside its ticks, and remembers it as one of its runs.
-- atomic because a tick that must not overlap has to see the job as soon as it exists.
-- Without allow-oom: a full Redis refuses it before anything is written.
--
-- KEYS  1 meta HASH       2 jobs HASH        3 ready LIST   4 priority ZSET   5 levels HASH   6 ids HASH   7 idle SET
--       8 inflight HASH   9 schedules HASH  10 runs HASH
-- ARGV  1 caller (a lane)   2 call number   3 name   4 spec hash   5 id   6 user id   7 envelope   8 priority
--       9 scheduled for ms
-- returns 'created id' | 'known id' | 'changed' | 'not-found'
local meta, jobs, ready, priority, levels, ids, idle = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local inflight, schedules, runs = KEYS[8], KEYS[9], KEYS[10]
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local nowText = string.format('%.0f', now)
local name, id, userId, level = ARGV[3], ARGV[5], ARGV[6], tonumber(ARGV[8])
local header = redis.call('HGET', schedules, name)
if not header then return answer('not-found') end
local hash, before, open, after = string.match(header, '^(%S+) (%S+ %S+ %S+ %S+ %S+ %S+ %S+) (%S+) (%S+ .*)$')
if hash ~= ARGV[4] then return answer('changed') end
-- include lib/news
-- include lib/journal
begin({ id })
if redis.call('HSETNX', ids, userId, id) == 0 then
  local first = redis.call('HGET', ids, userId)
  if redis.call('HEXISTS', jobs, first) == 1 then
    finish()
    return answer('known ' .. first)
  end
  redis.call('HSET', ids, userId, id)
end

if level > 0 then redis.call('HSET', levels, id, level) end
redis.call('HSET', jobs, id, ARGV[7])
if level > 0 then
  local position = redis.call('HINCRBY', meta, 'back', 1)
  redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
else
  redis.call('RPUSH', ready, id)
end
finish()

local unsettled = {}
for other in string.gmatch(open, '[^,]+') do
  local head = string.byte(redis.call('HGET', jobs, other) or '')
  if redis.call('HEXISTS', inflight, other) == 1 or (head and head ~= 67 and head ~= 88 and head ~= 68) then
    unsettled[#unsettled + 1] = other
  end
end
unsettled[#unsettled + 1] = id
if #unsettled > 10 then table.remove(unsettled, 1) end
redis.call('HSET', schedules, name, table.concat({ hash, before, table.concat(unsettled, ','), after }, ' '))
local entries = { ARGV[9] .. ':' .. nowText .. ':0:' .. id }
for entry in string.gmatch(redis.call('HGET', runs, name) or '', '%S+') do
  if #entries < 10 then entries[#entries + 1] = entry end
end
redis.call('HSET', runs, name, table.concat(entries, ' '))

local queueState = redis.call('HMGET', meta, 'paused', 'listen')
if not queueState[1] then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local worker = redis.call('SPOP', idle)
    if not worker or publish(prefix .. ':wake:' .. worker, queue) > 0 then break end
  end
end
if queueState[2] and tonumber(queueState[2]) > now then
  publish(string.sub(meta, 1, -5) .. 'events', nowText .. '\n' .. newsOf('enqueued', id, ARGV[7], ''))
end
return answer('created ' .. id)
