-- include lib/unplace
-- include lib/end-job

-- Somebody wants a running job cancelled: it gets no further attempt, and its worker hears of it.
local function markCancelled(q, id)
  use(q, 'x')
  redis.call('HSET', q.cancelling, id, q.nowText)
  publish(string.sub(q.meta, 1, -5) .. 'signals', 'cancel ' .. id)
end

-- Live jobs that do not run end as cancelled, with their records by position; the caller has noted them.
local function cancelJobs(q, ids, records)
  for i = 1, #ids do unplace(q, ids[i]) end
  endJobs(q, 'cancelled', ids, '{"reason":"cancelled"}', records, true)
end
