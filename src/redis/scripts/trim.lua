#!lua flags=allow-oom
-- One bounded step of the janitor: settled jobs over their limits, old call records, waiters that gave up.
-- atomic because a kept job, its place in the order and the byte count must agree.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 completed LIST   4 cancelled ZSET   5 dead ZSET   6 ids HASH   7 notes HASH
--       8 waiters HASH
-- ARGV  1 items a step   2 age of a forgotten call, s   then count (-1 keeps nothing), age ms, bytes
--       for 3–5 completed, 6–8 cancelled, 9–11 dead
-- returns { now, trimmed, trimmed dead, more 1|0 }
local meta, jobs, completed, cancelled, dead, ids, notes = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local waiters = KEYS[8]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local step = tonumber(ARGV[1])
local trimmed, trimmedDead, more = 0, 0, 0

local function forget(id, record)
  local envelope = string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1)
  local userId = string.match(envelope, '^1%w* ([^ {\n]+)')
  if userId and redis.call('HGET', ids, userId) == id then redis.call('HDEL', ids, userId) end
  redis.call('HDEL', notes, id .. ':progress', id .. ':logs')
end
-- include lib/drop-completed

local function keepCountOf(text)
  return math.max(tonumber(text), 0)
end

local count, age, bytes = keepCountOf(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local state = redis.call('HMGET', meta, 'completedBytes', 'completedCount', 'callsCursor', 'waitersCursor')
local completedBytes, completedCount = tonumber(state[1] or 0), tonumber(state[2] or 0)
local elements = 0
while trimmed < step and elements < step do
  -- One element tells of all that ended together: when, how many bytes, how many jobs, which.
  local head = redis.call('LINDEX', completed, 0)
  if not head then break end
  local at, size, number = string.match(head, '^(%d+) (%d+) (%d+)')
  if now - tonumber(at) <= age and completedBytes <= bytes and completedCount - tonumber(number) < count then break end
  elements = elements + 1 -- one whose jobs were all removed by hand trims nothing
  local missing = dropCompleted({ head }, forget)
  redis.call('LPOP', completed)
  completedCount = completedCount - number + missing
  trimmed = trimmed + number - missing
  completedBytes = completedBytes - tonumber(size)
end
if trimmed >= step or elements >= step then more = 1 end
-- An empty list tells of none, whatever was done to the records by hand.
if redis.call('EXISTS', completed) == 0 then completedBytes, completedCount = 0, 0 end
redis.call('HSET', meta, 'completedBytes', string.format('%.0f', completedBytes), 'completedCount', completedCount)

local function trimSorted(store, counter, keepCount, keepAge, keepBytes)
  local kept = tonumber(redis.call('HGET', meta, counter) or 0)
  local size = redis.call('ZCARD', store)
  local gone = 0
  for i = 1, step do
    local head = redis.call('ZRANGE', store, 0, 0, 'WITHSCORES')
    if not head[1] or (size <= keepCount and kept <= keepBytes and now - tonumber(head[2]) <= keepAge) then break end
    local record = redis.call('HGET', jobs, head[1])
    if record then
      forget(head[1], record)
      redis.call('HDEL', jobs, head[1])
    end
    redis.call('ZREM', store, head[1])
    size = size - 1
    if record then kept = redis.call('HINCRBY', meta, counter, -#record) end
    gone = gone + 1
    if i == step then more = 1 end
  end
  trimmed = trimmed + gone
  return gone
end
trimSorted(cancelled, 'cancelledBytes', keepCountOf(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]))
trimmedDead = trimSorted(dead, 'deadBytes', keepCountOf(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]))

local scan = redis.call('HSCAN', meta, state[3] or '0', 'MATCH', '@*', 'COUNT', 100)
local oldest, forgotten = tonumber(t[1]) - tonumber(ARGV[2]), 0
for i = 1, #scan[2], 2 do
  local at = tonumber(string.match(scan[2][i + 1], '^%d+ (%d+)') or 0)
  if at < oldest then forgotten = forgotten + redis.call('HDEL', meta, scan[2][i]) end
end
redis.call('HSET', meta, 'callsCursor', scan[1])
-- Where some are old, more may be; where none is, the rest can wait for the next turn, as many as they are.
if forgotten > 0 and scan[1] ~= '0' then more = 1 end

local waiting = redis.call('HSCAN', waiters, state[4] or '0', 'COUNT', 100)
local gaveUp = 0
for i = 1, #waiting[2], 2 do
  if tonumber(waiting[2][i + 1]) < now then gaveUp = gaveUp + redis.call('HDEL', waiters, waiting[2][i]) end
end
redis.call('HSET', meta, 'waitersCursor', waiting[1])
if gaveUp > 0 and waiting[1] ~= '0' then more = 1 end
return { string.format('%.0f', now), trimmed, trimmedDead, more }
