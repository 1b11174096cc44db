#!lua flags=allow-oom
-- Deletes a job that does not run, and everything kept beside it.
-- atomic because a job must not start while it is deleted.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's
-- returns 'removed' | 'active' | 'not-found'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/find-job
-- include lib/place-of
-- include lib/journal
-- include lib/remove-jobs
readState(q, now)
local id, record = findJob(q, ARGV[3])
if not record then return answer('not-found') end
local state = stateOf(q, id, record)
if state == 'active' then return answer('active') end
begin(q, { id })
removeJobs(q, state, { id }, { record })
finish(q)
sendNotices(q)
return answer('removed')
