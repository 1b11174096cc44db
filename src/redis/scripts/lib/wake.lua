-- The next worker that waits for work. It is listed no more: its next turn lists it again. What was written stands, also where
-- nobody may be asked.
local function nextIdle(q)
  local worker = redis.pcall('SPOP', q.idle)
  return type(worker) == 'string' and worker or nil
end

-- The channel of a worker, and the message there: the queue.
local function wakeChannelOf(q, worker)
  local prefix, queue = string.match(q.meta, '^{([^:]+):(.+)}:meta$')
  return prefix .. ':wake:' .. worker, queue
end

-- Wakes one idle worker for what became ready, unless the queue is paused: this one, or the next that waits. Needs `publish`
-- and lib/state.
local function wake(q, worker)
  if q.paused then return end
  worker = worker or nextIdle(q)
  for i = 1, 8 do
    if not worker then break end
    -- No receiver: that worker died idle, the next one is asked.
    if publish(wakeChannelOf(q, worker)) > 0 then break end
    worker = nextIdle(q)
  end
end
