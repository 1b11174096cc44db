#!lua flags=allow-oom
-- Puts in order what a script left that stopped in the middle: Redis undoes nothing. A job that lies nowhere goes back to where it
-- can run, one that lies in two places leaves one of them, and what is counted is counted again.
-- atomic because nobody may take a job while it is looked for.
--
-- KEYS  1 meta HASH        2 jobs HASH       3 ready LIST        4 priority ZSET   5 scheduled ZSET   6 inflight HASH
--       7 completed LIST   8 cancelled ZSET  9 dead ZSET        10 ids HASH       11 levels HASH     12 crashes HASH
--      13 cancelling HASH 14 notes HASH     15 suspects LIST    16 parked ZSET    17 workers ZSET  18 waiters HASH
-- ARGV  1 crashes until dead   2 worker whose turn stopped, or ''   3… id, token of each job that this turn was to settle
-- returns { now, how many jobs were looked at }
local meta, jobs, ready, priority, scheduled, inflight = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local completed, cancelled, dead, ids, levels, crashes = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local cancelling, notes, suspects, parked = KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local workers, waiters = KEYS[17], KEYS[18]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/each-word

-- The jobs to look at: those of the turn, with their tokens; what it reserved; and what other scripts noted as begun.
local list, tokenOf, known = {}, {}, {}
local function add(id, token)
  if not known[id] then list[#list + 1] = id end
  known[id] = true
  tokenOf[id] = tokenOf[id] or token
end
for i = 3, #ARGV, 2 do add(ARGV[i], ARGV[i + 1]) end
if ARGV[2] ~= '' then
  local records = redis.call('HMGET', meta, '@' .. ARGV[2], '@' .. ARGV[2] .. '/1')
  for i = 1, 2 do
    local reserved = string.match(records[i] or '', '^%d+ %d+ %d+ %d+ %d+ [^ ]* [^ ]* (.*)$')
    for id in string.gmatch(reserved or '', '[^,]+') do add(id) end
  end
end
for word in string.gmatch(redis.call('HGET', meta, 'torn') or '', '%S+') do
  local id, token = string.match(word, '^([^=]+)=(.*)$')
  add(id or word, token)
end
-- Should this stop as well, whoever mends next knows as much, also if the worker has died by then.
local begun = {}
for i = 1, #list do
  local token = tokenOf[list[i]]
  begun[i] = token and not string.find(token, '%s') and list[i] .. '=' .. token or list[i]
end
redis.call('HSET', meta, 'torn', table.concat(begun, ' '))
-- A worker without a lease settles nothing any more.
for id, token in pairs(tokenOf) do
  if not redis.call('ZSCORE', workers, string.match(token, '^(.*):') or '') then tokenOf[id] = nil end
end

-- Visits a list in pages.
local function eachOf(key, visit)
  for from = 0, redis.call('LLEN', key), 500 do
    local page = redis.call('LRANGE', key, from, from + 499)
    for i = 1, #page do visit(page[i]) end
  end
end

-- Completed jobs that are listed, and the bytes of their elements: read when the first of them is asked for.
local listed, completedBytes
local function readCompleted()
  if listed then return end
  listed, completedBytes = {}, 0
  eachOf(completed, function(element)
    completedBytes = completedBytes + tonumber(string.match(element, '^%d+ (%d+)'))
    eachWord(element, function(id) listed[id] = true end)
  end)
end
local function isListed(id)
  readCompleted()
  return listed[id]
end

local function nameOf(record)
  return string.match(string.match(record, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
end

local function leaveLine(id, record)
  redis.call('ZREM', scheduled, id)
  redis.call('ZREM', priority, id)
  redis.call('LREM', suspects, 0, id)
  redis.call('LREM', ready, 0, id)
  redis.call('HDEL', inflight, id)
  redis.call('HDEL', cancelling, id)
  redis.call('HDEL', levels, id)
  redis.call('HDEL', crashes, id)
  if record then redis.call('ZREM', parked, nameOf(record) .. ' ' .. id) end
end

-- Who waits for the end may not have been told of it.
local function tellEnd(id, record)
  if redis.call('HEXISTS', waiters, id) == 0 then return end
  redis.call('PUBLISH', string.sub(meta, 1, -5) .. 'settled', id .. ' ' .. string.match(record, '^[^\n]*'))
  redis.call('HDEL', waiters, id)
end

local function placeLive(id, record)
  redis.call('ZREM', dead, id)
  redis.call('ZREM', cancelled, id)
  local isHeld = redis.call('HEXISTS', inflight, id) == 1
  local isQueued = redis.call('ZSCORE', priority, id) or redis.call('LPOS', ready, id) or redis.call('LPOS', suspects, id)
  if isHeld then
    if isQueued then
      redis.call('ZREM', priority, id)
      redis.call('LREM', ready, 0, id)
      redis.call('LREM', suspects, 0, id)
    end
    redis.call('ZREM', scheduled, id)
    redis.call('ZREM', parked, nameOf(record) .. ' ' .. id)
  elseif isQueued then
    redis.call('ZREM', scheduled, id)
    redis.call('ZREM', parked, nameOf(record) .. ' ' .. id)
  elseif not redis.call('ZSCORE', scheduled, id) and not redis.call('ZSCORE', parked, nameOf(record) .. ' ' .. id) then
    local crashed = tonumber(redis.call('HGET', crashes, id) or 0)
    local level = tonumber(redis.call('HGET', levels, id) or 0) or 0
    if tokenOf[id] then
      redis.call('HSET', inflight, id, tokenOf[id]) -- the turn, repeated, settles it
    elseif crashed > 0 and crashed >= tonumber(ARGV[1]) - 1 then
      redis.call('LPUSH', suspects, id)
    elseif level > 0 then
      local position = redis.call('HINCRBY', meta, 'front', -1)
      redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
    else
      redis.call('LPUSH', ready, id)
    end
  end
end

local function envelopeOf(record)
  return string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1)
end

-- An end that was not listed: by a turn, it comes once more; else it is listed now.
local function placeEnded(id, record, head)
  local store = head == 88 and cancelled or head == 68 and dead
  if store and redis.call('ZSCORE', store, id) or not store and isListed(id) then
    leaveLine(id, envelopeOf(record))
    return tellEnd(id, record)
  end
  if tokenOf[id] then
    redis.call('HSET', jobs, id, envelopeOf(record))
    return placeLive(id, envelopeOf(record))
  end
  leaveLine(id, envelopeOf(record))
  local at = string.sub(record, 2, 14)
  if store then
    redis.call('ZADD', store, at, id)
  else
    redis.call('LPUSH', completed, at .. ' ' .. #record .. ' 1 ' .. id)
    readCompleted()
    listed[id] = true
    redis.call('HINCRBY', meta, 'completedBytes', #record)
    redis.call('HINCRBY', meta, 'completedCount', 1)
  end
  tellEnd(id, record)
end

for i = 1, #list do
  local id = list[i]
  local record = redis.call('HGET', jobs, id)
  local head = record and string.byte(record)
  if not record then
    leaveLine(id)
    redis.call('HDEL', notes, id .. ':progress', id .. ':logs')
  elseif head == 67 or head == 88 or head == 68 then
    placeEnded(id, record, head)
  else
    placeLive(id, record)
  end
end

-- What is kept, and its bytes; an id without its record goes. Of many, what is counted stays as it is, and may be off by what
-- stopped: to look at each would hold everybody up.
local function countAgain(store, counter)
  if redis.call('ZCARD', store) > 1000 then return end
  local bytes = 0
  for from = 0, redis.call('ZCARD', store), 500 do
    local page = redis.call('ZRANGE', store, from, from + 499)
    for i = 1, #page do
      local size = redis.call('HSTRLEN', jobs, page[i])
      bytes = bytes + size
      if size == 0 then redis.call('ZREM', store, page[i]) end
    end
  end
  redis.call('HSET', meta, counter, bytes)
end
countAgain(cancelled, 'cancelledBytes')
countAgain(dead, 'deadBytes')
if tonumber(redis.call('HGET', meta, 'completedCount') or 0) <= 1000 and redis.call('LLEN', completed) <= 1000 then
  listed = nil
  readCompleted()
  local count = 0
  for id in pairs(listed) do
    if redis.call('HEXISTS', jobs, id) == 1 then count = count + 1 end
  end
  redis.call('HSET', meta, 'completedBytes', string.format('%.0f', completedBytes), 'completedCount', count)
end
-- Holes of a long list are counted again when it is empty: to look at each would hold everybody up.
if redis.call('LLEN', ready) <= 1000 then
  local holes = 0
  eachOf(ready, function(id)
    local head = string.byte(redis.call('HGET', jobs, id) or 'X')
    if head == 67 or head == 88 or head == 68 then holes = holes + 1 end
  end)
  redis.call('HSET', meta, 'readyHoles', holes)
end
redis.call('HDEL', meta, 'torn')
return { string.format('%.0f', now), #list }
