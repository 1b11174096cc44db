-- include lib/take
-- include lib/leave
-- include lib/wake
-- include lib/notify

-- Asked before a message leaves. What PUBLISH answers says nothing of receivers on replicas, which get every message, too.
local function isHeardHere(channel)
  local reply = redis.pcall('PUBSUB', 'NUMSUB', channel)
  return reply[2] ~= nil and reply[2] > 0
end

-- Reserves jobs for a worker that asked for work within the last second: one that stands still is woken as any other. One that
-- does not listen on this server is only woken: a message that carries a job never leaves unless the job is reserved. Returns
-- whether they are that worker's. Needs q.seconds and q.fence.
local function handOver(q, worker, ids)
  local askedAt, leaseMs, room = string.match(redis.call('HGET', q.meta, '@' .. worker) or '', '^%d+ (%d+) %d+ (%d+) (%d+) ')
  if not askedAt or q.seconds - askedAt > 1 or #ids > tonumber(room) then return false end
  local channel, queue = wakeChannelOf(q, worker)
  if redis.call('EXISTS', q.ready, q.priority) > 0 or not isHeardHere(channel) then return false end
  local first, texts, messages = nextFence(q, #ids), {}, {}
  for i = 1, #ids do
    texts[i] = redis.call('HGET', q.jobs, ids[i])
    messages[i] = queue .. '\n' .. string.format('%.0f', first + i - 1) .. ' ' .. ids[i] .. '\n' .. texts[i]
  end
  redis.call('HSET', q.meta, 'fence', q.fence,
    '@' .. worker .. '!', string.format('0 %s %.0f:%s', q.seconds, first, table.concat(ids, ',')))
  take(q, worker, ids, tonumber(leaseMs), first, true)
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
