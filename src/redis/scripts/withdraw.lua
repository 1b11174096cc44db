#!lua flags=allow-oom
-- Takes back the jobs of an enqueue that was refused in the middle, where they have no place yet: no record stays without one.
-- atomic because a job that has found its place meanwhile must stay.
--
-- KEYS  all of the queue
-- ARGV  1 caller of the enqueue   2… ids of its jobs
-- returns how many were taken back
-- include lib/keys
-- include lib/admit
-- No more commands than it needs: what refused the enqueue may refuse this, too.
q.features = redis.call('HGET', q.meta, 'features') or ''

-- What this enqueue has pushed lies near the end. A job further in front that is taken for one without a place was refused to
-- its caller all the same: it goes, and the list has a hole.
local queued = {}
local function addEnd(key)
  local page = redis.call('LRANGE', key, -2000 - #ARGV, -1)
  for i = 1, #page do queued[page[i]] = true end
end
addEnd(q.ready)
addEnd(q.suspects)

local function isHere(id, record)
  if queued[id] or redis.call('HEXISTS', q.inflight, id) == 1 then return true end
  if redis.call('ZSCORE', q.priority, id) or redis.call('ZSCORE', q.scheduled, id) then return true end
  return isEnded(record) or isParked(q, id) or has(q, 'g') and isInLane(q, id)
end

local count = 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local record = redis.call('HGET', q.jobs, id)
  -- A call that was refused before it wrote records has written traits, and claims.
  if not record or not isHere(id, record) then
    withdrawClaims(q, redis.call('HGET', q.traits, id), id)
    redis.call('HDEL', q.traits, id)
    count = count + redis.call('HDEL', q.jobs, id)
    redis.call('HDEL', q.payloads, id)
  end
end
redis.call('HDEL', q.meta, '@' .. ARGV[1])
return count
