#!lua flags=allow-oom
-- One bounded step of the janitor: settled jobs over their limits, old call records, waiters that gave up,
-- unique keys that nobody has, groups that are empty.
-- atomic because a kept job, its place in the order and the byte count must agree.
--
-- KEYS  all of the queue
-- ARGV  1 items a step   2 age of a forgotten call, s   then count (-1 keeps nothing), age ms, bytes
--       for 3–5 completed, 6–8 cancelled, 9–11 dead
-- returns { now, trimmed, trimmed dead, more 1|0 }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish
-- include lib/drop-completed
-- include lib/sweep-keys
-- include lib/trim-ends
-- include lib/sweep-lanes
-- include lib/forget-features
local step, more = tonumber(ARGV[1]), 0
local completedBytes, completedCount, callsCursor, waitersCursor, uniquesCursor, lanesCursor =
  readState(q, now, 'completedBytes', 'completedCount', 'callsCursor', 'waitersCursor', 'uniquesCursor', 'lanesCursor')
completedBytes, completedCount = tonumber(completedBytes or 0), tonumber(completedCount or 0)

local function keepOf(count, age, bytes)
  return { count = math.max(tonumber(count), 0), age = tonumber(age), bytes = tonumber(bytes) }
end

local keep, trimmed, elements = keepOf(ARGV[3], ARGV[4], ARGV[5]), 0, 0
while trimmed < step and elements < step do
  -- One element names all that ended together: when, how many bytes, how many jobs, which.
  local head = redis.call('LINDEX', q.completed, 0)
  if not head then break end
  local at, size, number = string.match(head, '^(%d+) (%d+) (%d+)')
  local isOver = completedBytes > keep.bytes or completedCount - tonumber(number) >= keep.count
  if now - tonumber(at) <= keep.age and not isOver then break end
  elements = elements + 1 -- one whose jobs were all removed by hand trims nothing
  local missing = dropCompleted(q, { head })
  redis.call('LPOP', q.completed)
  completedCount = completedCount - number + missing
  trimmed = trimmed + number - missing
  completedBytes = completedBytes - tonumber(size)
end
if trimmed >= step or elements >= step then more = 1 end
-- An empty list names no job, whatever was done to the records by hand.
if redis.call('EXISTS', q.completed) == 0 then completedBytes, completedCount = 0, 0 end
redis.call('HSET', q.meta, 'completedBytes', string.format('%.0f', completedBytes), 'completedCount', completedCount)

local trimmedCancelled = trimEnds(q, 'cancelled', keepOf(ARGV[6], ARGV[7], ARGV[8]), step)
local trimmedDead = trimEnds(q, 'dead', keepOf(ARGV[9], ARGV[10], ARGV[11]), step)
if trimmedCancelled >= step or trimmedDead >= step then more = 1 end

-- A note of payloads that were stored for an enqueue: those whose jobs never were, and nobody stores any more.
local looked = 0
local function dropStray(note)
  for id in string.gmatch(string.match(note, '^%d+ %d+ (.*)$') or '', '[^,]+') do
    looked = looked + 1
    if redis.call('HEXISTS', q.jobs, id) == 0 then redis.call('HDEL', q.payloads, id) end
  end
end

local scan = redis.call('HSCAN', q.meta, callsCursor or '0', 'MATCH', '[@^]*', 'COUNT', 100)
local oldest, forgotten = tonumber(t[1]) - tonumber(ARGV[2]), 0
for i = 1, #scan[2], 2 do
  local at = tonumber(string.match(scan[2][i + 1], '^%d+ (%d+)') or 0)
  if at < oldest and looked < step then
    if string.byte(scan[2][i]) == 94 then dropStray(scan[2][i + 1]) end
    forgotten = forgotten + redis.call('HDEL', q.meta, scan[2][i])
  end
end
redis.call('HSET', q.meta, 'callsCursor', scan[1])
-- Where some are old, more may be; where none is, the rest can wait for the next turn, as many as they are.
if forgotten > 0 and scan[1] ~= '0' then more = 1 end

local waiting = redis.call('HSCAN', q.waiters, waitersCursor or '0', 'COUNT', 100)
local gaveUp = 0
for i = 1, #waiting[2], 2 do
  if tonumber(waiting[2][i + 1]) < now then gaveUp = gaveUp + redis.call('HDEL', q.waiters, waiting[2][i]) end
end
redis.call('HSET', q.meta, 'waitersCursor', waiting[1])
if gaveUp > 0 and waiting[1] ~= '0' then more = 1 end
if has(q, 'q') and sweepKeys(q, uniquesCursor, 100) then more = 1 end
if has(q, 'g') and sweepLanes(q, lanesCursor, 50) then more = 1 end
forgetFeatures(q)
return { q.nowText, trimmed + trimmedCancelled + trimmedDead, trimmedDead, more }
