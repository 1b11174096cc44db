-- include lib/take
-- include lib/leave
-- include lib/wake
-- include lib/notify

-- Asked before a message leaves. What PUBLISH answers says nothing of receivers on replicas, which get every message, too.
local function isHeardHere(channel)
  local reply = redis.pcall('PUBSUB', 'NUMSUB', channel)
  return reply[2] ~= nil and reply[2] > 0
end

-- The worker that may get them, and the fields of `meta` that say what it has room for.
local function askIdle(q)
  local worker = redis.pcall('SRANDMEMBER', q.idle)
  if type(worker) ~= 'string' then return nil, 'fence', 'fence' end
  return worker, '@' .. worker, '@' .. worker .. '!'
end

-- Reserves jobs for a worker that is registered as idle, has room for them, and asked for work within the last second: one that
-- stands still is woken as any other. One that does not listen on this server is only woken: a message that carries a job never
-- leaves unless the job is reserved. The worker stays registered for the rest of its room. Returns whether the jobs are that
-- worker's. Needs q.seconds and q.fence. `idle` is what askIdle found, with the values of the two fields; `texts` are the envelopes, by
-- position, where the caller has them; `record` is a field of `meta` and its value, written with the first of what is written here.
local function handOver(q, ids, idle, texts, record)
  if has(q, 'r') or has(q, 'g') then return false end -- a turn counts what starts, and knows whose turn it is
  if not idle then
    local worker, lane, beside = askIdle(q)
    idle = { worker, unpack(worker and redis.call('HMGET', q.meta, lane, beside) or {}) }
  end
  local worker, lane, beside = idle[1], idle[2], idle[3]
  if not worker then return false end
  local handedField = '@' .. worker .. '!'
  local askedAt, leaseMs, room = string.match(lane or '', '^%d+ (%d+) %d+ (%d+) (%d+) ')
  if not askedAt or q.seconds - askedAt > 1 then return false end
  -- What was handed over since its last turn, and the room that is left.
  local handed, count = '', 0
  if beside then
    room, handed = string.match(beside, '^0 %d+ (%d+) (.*)$')
    count = select(2, string.gsub(handed, ':', ':'))
    if handed ~= '' then handed = handed .. ',' end
  end
  room = room - #ids
  if room < 0 or count + #ids > RULES.mostHanded then return false end
  local channel, queue = wakeChannelOf(q, worker)
  if redis.call('EXISTS', q.ready) > 0 or has(q, 'p') and redis.call('EXISTS', q.priority) > 0 then return false end
  if not isHeardHere(channel) then return false end
  local first, messages, entries = nextFence(q, #ids), {}, {}
  texts = texts or redis.call('HMGET', q.jobs, unpack(ids))
  for i = 1, #ids do
    local fence = string.format('%.0f', first + i - 1)
    messages[i] = queue .. '\n' .. fence .. ' ' .. ids[i] .. '\n' .. texts[i]
    entries[i] = fence .. ':' .. ids[i]
  end
  redis.call('HSET', q.meta, 'fence', q.fence,
    handedField, '0 ' .. q.seconds .. ' ' .. room .. ' ' .. handed .. table.concat(entries, ','), unpack(record or {}))
  take(q, worker, ids, tonumber(leaseMs), first, true)
  if room == 0 then redis.pcall('SREM', q.idle, worker) end
  for i = 1, #ids do
    -- Refused: it did not leave. Whatever else PUBLISH answers, the job is that worker's from here on, or its lease brings it back.
    if i == 1 and type(redis.pcall('PUBLISH', channel, messages[i])) ~= 'number' then
      leave(q, ids)
      return false
    end
    if i > 1 then publish(channel, messages[i]) end
    addEvent(q, 'enqueued', ids[i], texts[i], '')
    addEvent(q, 'active', ids[i], texts[i], '')
  end
  return true
end
