-- include lib/readmit
-- include lib/end-job
-- include lib/place

-- A dead job lives again, with this envelope (or its first line, where the payload lies apart), this priority and, unless it is '',
-- this payload that is to lie apart. The caller has noted the job, and calls placeRevived. Returns the live job that holds its unique
-- key: then nothing was done.
local function revive(q, id, record, envelope, priority, payload)
  local holder = readmit(q, id)
  if holder then return holder end
  local traits = withTrait(redis.call('HGET', q.traits, id), 'p', priority ~= '0' and priority)
  if traits ~= '' then
    use(q, 't')
    redis.call('HSET', q.traits, id, traits)
  else
    redis.call('HDEL', q.traits, id)
  end
  if payload ~= '' then
    use(q, 'b')
    redis.call('HSET', q.payloads, id, payload)
  end
  redis.call('HSET', q.jobs, id, envelope)
  if isApart(record) and not isApart(envelope) then redis.call('HDEL', q.payloads, id) end
  addEvent(q, 'enqueued', id, envelope, '')
end

-- They leave the dead jobs, where they took so many bytes, and become ready.
local function placeRevived(q, ids, bytes)
  dropEnd(q, 'dead', ids, bytes)
  place(q, ids, 'back')
end
