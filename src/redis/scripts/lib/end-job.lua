-- include lib/traits
-- include lib/unique
-- include lib/size
-- include lib/notify
-- include lib/lane-moves

-- Hook: jobs reach their end, or are deleted. No other part writes to `completed`, `cancelled` or `dead`, or deletes records.

-- What only a live job has beside it.
local function dropLive(q, ids)
  if has(q, 'c') then redis.call('HDEL', q.crashes, unpack(ids)) end
  if has(q, 'q') then freeKeys(q, ids) end
  if has(q, 'g') then endInLanes(q, ids) end
end

-- Deletes jobs that have no place any more, and all that is kept beside them; of those that ended before (`areEnded`) nothing is left
-- that only a live job has. Returns how many there were.
local function deleteJobs(q, ids, areEnded)
  if #ids == 0 then return 0 end
  if not areEnded then dropLive(q, ids) end
  if has(q, 't') then
    local traits = has(q, 'u') and redis.call('HMGET', q.traits, unpack(ids)) or {}
    for i = 1, #ids do
      local userId = traitOf(traits[i], 'u')
      if userId and redis.call('HGET', q.ids, userId) == ids[i] then redis.call('HDEL', q.ids, userId) end
    end
    redis.call('HDEL', q.traits, unpack(ids))
  end
  if has(q, 'n') then
    local fields = {}
    for i = 1, #ids do
      fields[i * 2 - 1] = ids[i] .. ':progress'
      fields[i * 2] = ids[i] .. ':logs'
    end
    redis.call('HDEL', q.notes, unpack(fields))
  end
  local count = redis.call('HDEL', q.jobs, unpack(ids))
  if has(q, 'b') then redis.call('HDEL', q.payloads, unpack(ids)) end -- no record stays without its payload
  return count
end

-- Jobs complete: pairs of an id and its record, which is kept or not. Returns the bytes that are kept.
local function completeJobs(q, ids, records, isKept)
  dropLive(q, ids)
  if q.listening or has(q, 'w') then
    local lines = {}
    for i = 1, #ids do
      local record = records[i * 2]
      local line = string.match(record, '^[^\n]*')
      lines[i] = line
      addEvent(q, 'completed', ids[i], #line < #record and record, #line <= 4096 and string.sub(line, 15) or '')
    end
    addEnds(q, ids, lines)
  end
  local bytes = 0
  if isKept then
    redis.call('HSET', q.jobs, unpack(records))
    bytes = sizesOf(q, records)
    -- One element names all that ended together: when, how many bytes, how many jobs, which.
    redis.call('RPUSH', q.completed, q.nowText .. ' ' .. bytes .. ' ' .. #ids .. ' ' .. table.concat(ids, ' '))
  else
    deleteJobs(q, ids, true)
  end
  if has(q, 'x') then redis.call('HDEL', q.cancelling, unpack(ids)) end
  return bytes
end

-- An element of completed jobs stands at the old end again.
local function relistCompleted(q, element)
  redis.call('LPUSH', q.completed, element)
end

-- An end whose record is there and whose place is not.
local function relistEnd(q, id, record)
  local at, head, size = string.sub(record, 2, 14), string.byte(record), sizeOf(q, id, record)
  if head == 67 then
    relistCompleted(q, at .. ' ' .. size .. ' 1 ' .. id)
    redis.call('HINCRBY', q.meta, 'completedBytes', size)
    redis.call('HINCRBY', q.meta, 'completedCount', 1)
  elseif head == 88 then
    redis.call('ZADD', q.cancelled, at, id)
  else
    redis.call('ZADD', q.dead, at, id)
  end
end

-- Jobs end as 'cancelled' or 'dead' and are kept, or not. Details are one for all, or by position; envelopes, which are looked up
-- where they are missing or '', by position.
local function endJobs(q, state, ids, details, envelopes, isKept)
  if #ids == 0 then return end
  local letter = state == 'dead' and 'D' or 'X'
  dropLive(q, ids)
  local lines, fields, scores, gone, bytes = {}, {}, {}, {}, 0
  for i = 1, #ids do
    local id, detail, text = ids[i], type(details) == 'table' and details[i] or details, envelopes and envelopes[i]
    if not text or text == '' then text = redis.call('HGET', q.jobs, id) end -- one at a time: payloads may be large
    lines[i] = letter .. q.nowText .. detail
    addEvent(q, state, id, text, detail)
    if text and isKept then
      local kept = lines[i] .. '\n' .. text
      fields[#fields + 1] = id
      fields[#fields + 1] = kept
      scores[#scores + 1] = q.nowText
      scores[#scores + 1] = id
      bytes = bytes + sizeOf(q, id, kept)
    else
      gone[#gone + 1] = id
    end
  end
  deleteJobs(q, gone, true)
  if #fields > 0 then
    redis.call('HSET', q.jobs, unpack(fields))
    if state == 'dead' then redis.call('ZADD', q.dead, unpack(scores)) else redis.call('ZADD', q.cancelled, unpack(scores)) end
    redis.call('HINCRBY', q.meta, state .. 'Bytes', bytes)
  end
  addEnds(q, ids, lines)
  -- Last: whoever repeats this finds who wants them cancelled.
  if has(q, 'x') then redis.call('HDEL', q.cancelling, unpack(ids)) end
end

-- Jobs of one state lose their place among the ends. Completed ones stay in their elements until retention passes over them.
local function dropEnd(q, state, ids, bytes)
  if #ids == 0 then return end
  if state == 'completed' then
    redis.call('HINCRBY', q.meta, 'completedCount', -#ids)
  else
    redis.call('ZREM', q[state], unpack(ids))
    redis.call('HINCRBY', q.meta, state .. 'Bytes', -bytes)
  end
end
