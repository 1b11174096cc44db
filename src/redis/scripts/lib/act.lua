-- include lib/place-of
-- include lib/journal
-- include lib/cancel-jobs
-- include lib/remove-jobs
-- include lib/revive

-- Does one thing to many jobs, each of which somebody has read: `items` have the id, how the record began (`seen`) and, for a retry,
-- the new first line (`head`) and the priority. A job that has moved on since is passed by.

-- The records of items that still are in this state, by position; false of others.
local function recordsOf(q, state, items)
  local records = {}
  for i = 1, #items do
    local id, seen = items[i].id, items[i].seen
    local record = redis.call('HGET', q.jobs, id) -- one at a time: they may be large
    local isSame = record and string.sub(record, 1, #seen) == seen and stateOf(q, id, record) == state
    records[i] = isSame and record or false
  end
  return records
end

local function idsOf(items, records)
  local ids, kept = {}, {}
  for i = 1, #items do
    if records[i] then
      ids[#ids + 1] = items[i].id
      kept[#ids] = records[i]
    end
  end
  return ids, kept
end

local actions = {}

function actions.retry(q, _, items, records)
  local revived, bytes = {}, 0
  for i = 1, #items do
    local record = records[i]
    local from = record and string.find(record, '\n', (string.find(record, '\n', 1, true) or #record) + 1, true)
    local envelope = from and items[i].head .. string.sub(record, from) or items[i].head
    local size = record and sizeOf(q, items[i].id, record) or 0
    if record and not revive(q, items[i].id, record, envelope, items[i].priority, '') then
      revived[#revived + 1] = items[i].id
      bytes = bytes + size
    end
  end
  if #revived > 0 then placeRevived(q, revived, bytes) end
  return revived
end

function actions.cancel(q, state, items, records)
  local ids, kept = idsOf(items, records)
  if state ~= 'active' then
    cancelJobs(q, ids, kept)
    return ids
  end
  local marked = {}
  for i = 1, #ids do
    if redis.call('HEXISTS', q.cancelling, ids[i]) == 0 then
      markCancelled(q, ids[i])
      marked[#marked + 1] = ids[i]
    end
  end
  return marked
end

function actions.remove(q, state, items, records)
  local ids, kept = idsOf(items, records)
  removeJobs(q, state, ids, kept)
  return ids
end

function actions.promote(q, _, items, records)
  local ids, kept = idsOf(items, records)
  redis.call('ZREM', q.scheduled, unpack(ids))
  place(q, ids, 'back')
  for i = 1, #ids do addEvent(q, 'promoted', ids[i], kept[i], '') end
  return ids
end

-- Returns the ids of those that it was done to, and as a set those that are as they were read.
local function act(q, action, state, items)
  local records, isSame = recordsOf(q, state, items), {}
  local ids = idsOf(items, records)
  for i = 1, #ids do isSame[ids[i]] = true end
  if #ids == 0 then return ids, isSame end
  if state ~= 'active' then begin(q, ids) end
  return actions[action](q, state, items, records), isSame
end
