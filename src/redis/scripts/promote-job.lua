#!lua flags=allow-oom
-- A scheduled job is due now: whoever promotes next makes it ready. One write, so that nothing is ever half done.
-- atomic because a job that ran or ended meanwhile must not be scheduled again.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's
-- returns 'promoted' | 'ready' | 'active' | 'parked' | 'completed' | 'cancelled' | 'dead' | 'not-found'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/find-job
-- include lib/place-of
readState(q, now)
local id, record = findJob(q, ARGV[3])
if not record then return answer('not-found') end
local state = stateOf(q, id, record)
if state ~= 'scheduled' then return answer(state) end
if tonumber(redis.call('ZSCORE', q.scheduled, id)) > now then redis.call('ZADD', q.scheduled, string.format('%.0f', now), id) end
return answer('promoted')
