-- include lib/features
-- include lib/lane-moves

-- Hook: a worker reserves jobs. No other part writes to `inflight`.

-- The first of so many fences, each higher than all before it. The caller stores q.fence in `meta`.
local function nextFence(q, count)
  local first = math.max(tonumber(q.fence or 0) + 1, q.now * 1000)
  q.fence = string.format('%.0f', first + count - 1)
  return first
end

-- Leases the jobs to the worker, under one fence, or under one for each that follow the first.
local function take(q, worker, ids, leaseMs, first, isEach)
  local tokens = {}
  local token = worker .. ':' .. string.format('%.0f', first)
  for i = 1, #ids do
    tokens[i * 2 - 1] = ids[i]
    tokens[i * 2] = isEach and worker .. ':' .. string.format('%.0f', first + i - 1) or token
  end
  redis.call('ZADD', q.workers, string.format('%.0f', q.now + leaseMs), worker)
  if has(q, 'g') then fly(q, ids) end
  redis.call('HSET', q.inflight, unpack(tokens))
end

-- A worker that is to settle the job has its token again.
local function takeBack(q, id, token)
  if has(q, 'g') then fly(q, { id }) end
  redis.call('HSET', q.inflight, id, token)
end
