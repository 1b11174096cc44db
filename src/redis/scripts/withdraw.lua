#!lua flags=allow-oom
-- Takes back the jobs of an enqueue that was refused in the middle, where they have no place yet: no record stays without one.
-- atomic because a job that has found its place meanwhile must stay.
--
-- KEYS  1 meta HASH     2 jobs HASH     3 ready LIST     4 priority ZSET   5 scheduled ZSET   6 inflight HASH
--       7 ids HASH      8 levels HASH   9 suspects LIST  10 parked ZSET
-- ARGV  1 caller of the enqueue   2… ids of its jobs
-- returns how many were taken back
local meta, jobs, ready, priority, scheduled, inflight = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local ids, levels, suspects, parked = KEYS[7], KEYS[8], KEYS[9], KEYS[10]

-- What this enqueue has pushed lies near the end. A job further in front that is taken for one without a place was refused to
-- its caller all the same: it goes, and the list has a hole.
local queued = {}
local function addEnd(key)
  local page = redis.call('LRANGE', key, -2000 - #ARGV, -1)
  for i = 1, #page do queued[page[i]] = true end
end
addEnd(ready)
addEnd(suspects)

local function isPlaced(id, record)
  if queued[id] or redis.call('HEXISTS', inflight, id) == 1 then return true end
  if redis.call('ZSCORE', priority, id) or redis.call('ZSCORE', scheduled, id) then return true end
  local head = string.byte(record)
  if head == 67 or head == 88 or head == 68 then return true end -- it has run
  local name = string.match(string.match(record, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
  return redis.call('ZSCORE', parked, name .. ' ' .. id)
end

local count = 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local record = redis.call('HGET', jobs, id)
  if record and not isPlaced(id, record) then
    local userId = string.match(record, '^1%w* ([^ {\n]+)')
    if userId and redis.call('HGET', ids, userId) == id .. '?' then redis.call('HDEL', ids, userId) end
    redis.call('HDEL', levels, id)
    redis.call('HDEL', jobs, id)
    count = count + 1
  end
end
redis.call('HDEL', meta, '@' .. ARGV[1])
return count
