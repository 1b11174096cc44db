-- include lib/completed-list
-- include lib/size

-- What is left of a job whose script stopped behind the deletion of its record.
local function dropRest(q, id)
  if has(q, 'b') then redis.call('HDEL', q.payloads, id) end
end

-- What is kept of one state, and its bytes; an id without its record goes.
local function recountEnds(q, state)
  local store, bytes = q[state], 0
  for from = 0, redis.call('ZCARD', store), 500 do
    local page = redis.call('ZRANGE', store, from, from + 499)
    for i = 1, #page do
      if redis.call('HEXISTS', q.jobs, page[i]) == 1 then
        bytes = bytes + storedSize(q, page[i])
      else
        dropRest(q, page[i])
        redis.call('ZREM', store, page[i])
      end
    end
  end
  redis.call('HSET', q.meta, state .. 'Bytes', bytes)
end

-- Counts again what `meta` counts. Of more than a thousand it stays as it is, and may be off by what stopped: to look at each
-- would hold everybody up. Holes of a long list are counted again when it is empty.
local function recount(q)
  for _, state in ipairs({ 'cancelled', 'dead' }) do
    if redis.call('ZCARD', q[state]) <= 1000 then recountEnds(q, state) end
  end
  if tonumber(redis.call('HGET', q.meta, 'completedCount') or 0) <= 1000 and redis.call('LLEN', q.completed) <= 1000 then
    local listed, bytes = readCompleted(q)
    local count = 0
    for id in pairs(listed) do
      if redis.call('HEXISTS', q.jobs, id) == 1 then count = count + 1 else dropRest(q, id) end
    end
    redis.call('HSET', q.meta, 'completedBytes', string.format('%.0f', bytes), 'completedCount', count)
  end
  if redis.call('LLEN', q.ready) <= 1000 then
    local holes = 0
    eachOf(q.ready, function(id)
      local record = redis.call('HGET', q.jobs, id)
      if not record or isEnded(record) then holes = holes + 1 end
    end)
    redis.call('HSET', q.meta, 'readyHoles', holes)
  end
end
