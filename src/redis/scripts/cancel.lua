#!lua flags=allow-oom
-- Cancels a job that has not started; marks one that runs, so that it gets no further attempt.
-- atomic because a job must not start between the look and the mark.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's
-- returns 'cancelled' | 'requested' | 'finished' | 'not-found'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/journal
-- include lib/find-job
-- include lib/cancel-jobs
readState(q, now)
local id, record = findJob(q, ARGV[3])
if not record then return answer('not-found') end
if isEnded(record) then return answer('finished') end
if redis.call('HEXISTS', q.inflight, id) == 1 then
  markCancelled(q, id)
  return answer('requested')
end
begin(q, { id })
cancelJobs(q, { id }, { record })
sendNotices(q)
finish(q)
return answer('cancelled')
