-- include lib/traits
-- include lib/lane-of

-- The state of a job that is stored, by its record and its place: its token and its due time may be known, false for none.
local function stateOf(q, id, record, token, due)
  local head = string.byte(record)
  if head == 67 then return 'completed' elseif head == 88 then return 'cancelled' elseif head == 68 then return 'dead' end
  if token == nil then token = redis.call('HGET', q.inflight, id) end
  if token then return 'active' end
  if due == nil then due = has(q, 's') and redis.call('ZSCORE', q.scheduled, id) end
  if due then return 'scheduled' end
  if isParked(q, id) then return 'parked' end
  return 'ready'
end

-- Whether a job is anywhere, or has been: only records of unfinished calls lie nowhere. For what is rare: it searches the list.
local function isPlaced(q, id)
  local record = redis.call('HGET', q.jobs, id)
  if not record or isEnded(record) then return true end
  if redis.call('HEXISTS', q.inflight, id) == 1 then return true end
  if redis.call('ZSCORE', q.scheduled, id) or redis.call('ZSCORE', q.priority, id) then return true end
  if redis.call('EXISTS', q.suspects) == 1 and redis.call('LPOS', q.suspects, id) then return true end
  if isParked(q, id) or has(q, 'g') and isInLane(q, id) then return true end
  return redis.call('LPOS', q.ready, id, 'RANK', -1) ~= false
end
