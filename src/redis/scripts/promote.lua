#!lua flags=allow-oom
-- Scheduled jobs that are due become ready, in the order of their due times.
-- atomic because a due job must be scheduled or ready at any moment, and be promoted once.
--
-- KEYS  all of the queue
-- ARGV  1 most jobs
-- returns { now, number promoted, next due ms or '' }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish-or-fail
-- include lib/wake
-- include lib/promote-due
readState(q, now)
local count = promoteDue(q, ARGV[1])
finish(q)
sendNotices(q)
if count > 0 then wake(q) end
return { q.nowText, count, nextDue(q) }
