-- include lib/record
-- include lib/features

-- Messages to those who listen to events and to those who await an end. Needs `publish` and lib/state. Messages are collected and sent
-- together by sendNotices, behind all that was written.

-- One event is a line: what happened, the job's number, the ms of the run that ended (or nothing), a tab, the first line of its
-- envelope without errors, a tab, a detail. Without a record it is looked up: of long ones no more in one call than Lua copies
-- in some 2 ms.
local function addEvent(q, event, id, record, detail)
  if not q.listening then return end
  if not record then
    q.eventRoom = (q.eventRoom or RULES.mostLookedUp) - redis.call('HSTRLEN', q.jobs, id)
    record = q.eventRoom > 0 and redis.call('HGET', q.jobs, id)
  end
  local line = record and headOf(record) or ''
  if #line > RULES.longestHead or string.find(line, '\t', 1, true) then line = '' end
  q.events = q.events or {}
  local took = q.took and q.took[id] or ''
  q.events[#q.events + 1] = event .. ' ' .. id .. ' ' .. took .. '\t' .. line .. '\t' .. detail
end

-- The same event of several jobs, with their records by id.
local function addEvents(q, event, ids, recordOf)
  for i = 1, q.listening and #ids or 0 do addEvent(q, event, ids[i], recordOf[ids[i]], '') end
end

-- The settled lines of jobs that ended, for those who await them.
local function addEnds(q, ids, lines)
  if #ids == 0 or not has(q, 'w') then return end
  local untils = redis.call('HMGET', q.waiters, unpack(ids))
  q.awaited, q.ends = q.awaited or {}, q.ends or {}
  for i = 1, #ids do
    if untils[i] then
      q.awaited[#q.awaited + 1] = ids[i]
      if tonumber(untils[i]) >= q.now then q.ends[#q.ends + 1] = ids[i] .. ' ' .. lines[i] end
    end
  end
end

-- Waiters leave last: mend.lua sends the message to those who are still there.
local function sendNotices(q)
  local base = string.sub(q.meta, 1, -5)
  if q.ends and #q.ends > 0 then publish(base .. 'settled', table.concat(q.ends, '\n')) end
  if q.awaited and #q.awaited > 0 then redis.call('HDEL', q.waiters, unpack(q.awaited)) end
  if q.events then publish(base .. 'events', q.nowText .. '\n' .. table.concat(q.events, '\n')) end
end
