#!lua flags=allow-oom
-- Puts in order what a script left that stopped in the middle: Redis undoes nothing. A job that lies nowhere goes back to where it
-- can run, one that lies in two places leaves one of them, and what is counted is counted again.
-- atomic because nobody may take a job while it is looked for.
--
-- KEYS  all of the queue
-- ARGV  1 crashes until dead   2 worker whose turn stopped, or ''   3… id, token of each job that this turn was to settle
-- returns { now, how many jobs were looked at }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish-or-fail
-- include lib/readmit
-- include lib/leave
-- include lib/take
-- include lib/place
-- include lib/end-job
-- include lib/recount
readState(q, now)
q.maxCrashes = tonumber(ARGV[1])

-- The jobs to look at: those of the turn, with their tokens; what it reserved; and what other scripts noted as begun.
local list, tokenOf, known = {}, {}, {}
local function add(id, token)
  if not known[id] then list[#list + 1] = id end
  known[id] = true
  tokenOf[id] = tokenOf[id] or token
end
for i = 3, #ARGV, 2 do add(ARGV[i], ARGV[i + 1]) end
if ARGV[2] ~= '' then
  local records = redis.call('HMGET', q.meta, '@' .. ARGV[2], '@' .. ARGV[2] .. '/1')
  for i = 1, 2 do
    local reserved = string.match(records[i] or '', '^%d+ %d+ %d+ %d+ %d+ [^ ]* [^ ]* (.*)$')
    for id in string.gmatch(reserved or '', '[^,]+') do add(id) end
  end
end
for word in string.gmatch(redis.call('HGET', q.meta, 'torn') or '', '%S+') do
  local id, token = string.match(word, '^([^=]+)=(.*)$')
  add(id or word, token)
end
-- Should this stop as well, whoever mends next knows as much, also if the worker has died by then.
local begun = {}
for i = 1, #list do
  local token = tokenOf[list[i]]
  begun[i] = token and not string.find(token, '%s') and list[i] .. '=' .. token or list[i]
end
redis.call('HSET', q.meta, 'torn', table.concat(begun, ' '))
-- A worker without a lease settles nothing any more.
for id, token in pairs(tokenOf) do
  if not redis.call('ZSCORE', q.workers, string.match(token, '^(.*):') or '') then tokenOf[id] = nil end
end

local listed
local function isListed(id, head)
  if head == 88 then return redis.call('ZSCORE', q.cancelled, id) end
  if head == 68 then return redis.call('ZSCORE', q.dead, id) end
  listed = listed or readCompleted(q) -- read when the first of them is asked for
  return listed[id]
end

local function leaveQueues(id)
  redis.call('ZREM', q.priority, id)
  redis.call('LREM', q.suspects, 0, id)
  redis.call('LREM', q.ready, 0, id)
  if has(q, 'g') then leaveLane(q, id) end
end

local function leaveLine(id)
  redis.call('ZREM', q.scheduled, id)
  leaveQueues(id)
  leave(q, { id })
  redis.call('HDEL', q.cancelling, id)
  dropLive(q, { id })
  if isParked(q, id) then redis.call('ZREM', q.parked, parkedMemberOf(q, id)) end
end

-- What its group knows of it. Lanes are looked at again by the next turns.
local function mendLanes(id, isHeld)
  local group = groupsOf(q, { id })[1]
  if not group then return end
  if isHeld then fly(q, { id }) else redis.call('ZREM', q.flying, group.key .. '\t' .. id) end
  local lane = laneOf(q, group.key)
  -- It was to hold its group and has not started: the group would wait for it behind itself.
  if not isHeld and lane.holder == id and leaveLane(q, id) then place(q, { id }, 'front') end
end

local function placeLive(id)
  readmit(q, id) -- what stopped may have freed its unique key
  redis.call('ZREM', q.dead, id)
  redis.call('ZREM', q.cancelled, id)
  local isHeld = redis.call('HEXISTS', q.inflight, id) == 1
  local isQueued = redis.call('ZSCORE', q.priority, id) or redis.call('LPOS', q.ready, id) or redis.call('LPOS', q.suspects, id)
    or has(q, 'g') and isInLane(q, id)
  if has(q, 'g') then mendLanes(id, isHeld) end
  if isHeld or isQueued then
    if isHeld and isQueued then leaveQueues(id) end
    redis.call('ZREM', q.scheduled, id)
    if isParked(q, id) then redis.call('ZREM', q.parked, parkedMemberOf(q, id)) end
  elseif not redis.call('ZSCORE', q.scheduled, id) and not isParked(q, id) then
    -- The turn, repeated, settles what it was to settle.
    if tokenOf[id] then takeBack(q, id, tokenOf[id]) else place(q, { id }, 'front') end
  end
end

-- An end that was not listed: by a turn, it comes once more; else it is listed now. The message to those who await it may be missing.
local function placeEnded(id, record)
  local isThere = isListed(id, string.byte(record))
  if not isThere and tokenOf[id] then
    redis.call('HSET', q.jobs, id, envelopeOf(record))
    return placeLive(id)
  end
  leaveLine(id)
  if not isThere then
    relistEnd(q, id, record)
    if listed then listed[id] = true end
  end
  if redis.call('HEXISTS', q.waiters, id) == 1 then
    publish(string.sub(q.meta, 1, -5) .. 'settled', id .. ' ' .. string.match(record, '^[^\n]*'))
    redis.call('HDEL', q.waiters, id)
  end
end

for i = 1, #list do
  local id = list[i]
  local record = redis.call('HGET', q.jobs, id)
  if not record then
    leaveLine(id)
    deleteJobs(q, { id })
  elseif isEnded(record) then
    placeEnded(id, record)
  else
    placeLive(id)
  end
end
if has(q, 'g') then
  closeLanes(q)
  relookAtLanes(q)
end
recount(q)
redis.call('HDEL', q.meta, 'torn')
return { q.nowText, #list }
