#!lua flags=allow-oom
-- Deletes up to so many jobs of one state, oldest first.
-- atomic because a job and what is kept beside it go together.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 state   4 most jobs
-- returns 'removed more', two numbers; more is 1 or 0
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/each-word
-- include lib/journal
-- include lib/end-job
readState(q, now)
local state, limit = ARGV[3], tonumber(ARGV[4])
local victims = {}

local function add(ids)
  for i = 1, #ids do victims[#victims + 1] = ids[i] end
end

local function popSorted(store)
  if #victims >= limit then return end
  local popped = redis.call('ZRANGE', store, 0, limit - #victims - 1)
  if #popped == 0 then return end
  local ids = popped
  if store == q.parked then
    ids = {}
    for i = 1, #popped do ids[i] = string.match(popped[i], '([^ ]+)$') end -- a foreign name may hold spaces
  end
  begin(q, ids)
  redis.call('ZREM', store, unpack(popped))
  add(ids)
end

-- Jobs of groups, group by group.
local function popGrouped()
  if #victims >= limit then return end
  local popped = redis.call('ZRANGE', q.grouped, 0, limit - #victims - 1)
  if #popped == 0 then return end
  local ids = {}
  for i = 1, #popped do ids[i] = readyIdIn(popped[i]) end
  begin(q, ids)
  redis.call('ZREM', q.grouped, unpack(popped))
  for i = 1, #popped do touchLane(q, laneOf(q, keyIn(popped[i]))) end
  closeLanes(q)
  add(ids)
end

local function popList(store)
  if #victims >= limit then return end
  local popped = redis.call('LRANGE', store, 0, limit - #victims - 1)
  if #popped == 0 then return end
  begin(q, popped)
  redis.call('LPOP', store, #popped)
  add(popped)
end

-- Elements of completed jobs, oldest first; of the last one some may stay.
local function popCompleted()
  local looked = 0
  while #victims < limit and looked < 1000 do
    local element = redis.call('LINDEX', q.completed, 0)
    if not element then return end
    local named = {}
    eachWord(element, function(id) named[#named + 1] = id end)
    begin(q, named)
    redis.call('LPOP', q.completed)
    local at, size = string.match(element, '^(%d+) (%d+)')
    local staying, bytes = {}, 0
    for i = 1, #named do
      if #victims >= limit then
        staying[#staying + 1] = named[i]
      else
        looked = looked + 1
        local length = storedSize(q, named[i])
        bytes = bytes + length
        if length > 0 then add({ named[i] }) end -- else it was removed by hand
      end
    end
    if #staying > 0 then
      local rest = string.format('%.0f', size - bytes)
      relistCompleted(q, at .. ' ' .. rest .. ' ' .. #staying .. ' ' .. table.concat(staying, ' '))
      size = bytes
    end
    redis.call('HINCRBY', q.meta, 'completedBytes', string.format('%.0f', -size))
  end
end

if state == 'ready' then
  popList(q.suspects)
  popSorted(q.priority)
  popGrouped()
  popList(q.ready)
elseif state == 'completed' then
  popCompleted()
elseif state ~= 'active' and state ~= 'blocked' then
  popSorted(q[state])
end

-- Of ready jobs, those that ended before left their numbers in the list; of others a record may be lost by hand.
local removed, missing, bytes, lines = {}, 0, 0, {}
for i = 1, #victims do
  local record = redis.call('HGET', q.jobs, victims[i])
  if not record or (state == 'ready' and isEnded(record)) then
    missing = missing + 1
  else
    removed[#removed + 1] = victims[i]
    lines[#removed] = 'X' .. q.nowText .. '{"reason":"removed"}'
    bytes = bytes + sizeOf(q, victims[i], record)
    addEvent(q, 'removed', victims[i], record, '')
  end
end
addEnds(q, removed, lines)
if state == 'completed' or ((state == 'cancelled' or state == 'dead') and bytes > 0) then dropEnd(q, state, removed, bytes) end
deleteJobs(q, removed)
local more = 0
if state == 'ready' then
  more = redis.call('LLEN', q.ready) + redis.call('ZCARD', q.priority) + redis.call('LLEN', q.suspects) + redis.call('ZCARD', q.grouped)
  if missing > 0 then redis.call('HINCRBY', q.meta, 'readyHoles', -missing) end
elseif state == 'completed' then
  more = redis.call('LLEN', q.completed)
  -- An empty list names no job, whatever was done to the records by hand.
  if more == 0 then redis.call('HDEL', q.meta, 'completedCount', 'completedBytes') end
elseif state ~= 'active' and state ~= 'blocked' then
  more = redis.call('ZCARD', q[state])
end
finish(q)
sendNotices(q)
return answer(#removed .. ' ' .. (more > 0 and 1 or 0))
