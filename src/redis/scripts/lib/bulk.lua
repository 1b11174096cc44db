-- A bulk operation is two or three fields of `bulks`. `id` is what was asked for and never changes: `createdAt highest block of job
-- numbers`, a newline, JSON. `id:p` is how far it came, one line of the values below. `id:w` are the retried jobs whose outcome is
-- not known yet. `bulks` of `meta` names those that run; `ended` those that have ended, oldest first: of these few are kept.

-- `begun`: while a step acts on jobs, their ids, joined by ',', else '-'. `place`: the step that follows.
local BULK_LINE = '^(%S+) (%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+) (.*)$'

local function readBulk(q, id)
  local line = redis.call('HGET', q.bulks, id .. ':p')
  if not line then return nil end
  local bulk = { id = id }
  bulk.state, bulk.executor, bulk.leaseEnd, bulk.looked, bulk.matched, bulk.done, bulk.skipped, bulk.failed, bulk.known, bulk.endedAt,
    bulk.begun, bulk.place = string.match(line, BULK_LINE)
  return bulk
end

local function lineOf(bulk)
  return table.concat({ bulk.state, bulk.executor, bulk.leaseEnd, bulk.looked, bulk.matched, bulk.done, bulk.skipped, bulk.failed,
    bulk.known, bulk.endedAt, bulk.begun, bulk.place }, ' ')
end

local function writeBulk(q, bulk)
  redis.call('HSET', q.bulks, bulk.id .. ':p', lineOf(bulk))
end

-- Ids of the operations that run.
local function runningBulks(q)
  local ids = {}
  for id in string.gmatch(redis.call('HGET', q.meta, 'bulks') or '', '%S+') do ids[#ids + 1] = id end
  return ids
end

local function dropRunning(q, dropped)
  local left = {}
  for _, id in ipairs(runningBulks(q)) do
    if id ~= dropped then left[#left + 1] = id end
  end
  if #left == 0 then redis.call('HDEL', q.meta, 'bulks') else redis.call('HSET', q.meta, 'bulks', table.concat(left, ' ')) end
end

-- The operation has ended, as its state says: it is no longer among those that run, and the oldest that ended makes room.
local function closeBulk(q, bulk)
  bulk.executor, bulk.leaseEnd, bulk.endedAt = '-', '0', q.nowText
  writeBulk(q, bulk)
  redis.call('HDEL', q.bulks, bulk.id .. ':w')
  local ended = {}
  for id in string.gmatch(redis.call('HGET', q.bulks, 'ended') or '', '%S+') do
    if id ~= bulk.id then ended[#ended + 1] = id end
  end
  ended[#ended + 1] = bulk.id
  if #ended > RULES.mostEndedBulks then
    local oldest = table.remove(ended, 1)
    redis.call('HDEL', q.bulks, oldest, oldest .. ':p')
  end
  redis.call('HSET', q.bulks, 'ended', table.concat(ended, ' '))
  dropRunning(q, bulk.id)
end
