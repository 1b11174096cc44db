#!lua flags=allow-oom
-- A dead job becomes ready again, if it is still the dead job that was read.
-- atomic because two people may press the button at once.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's   4 settledAt ms   5 envelope   6 priority
-- returns 'retried' | 'changed' | 'not-found'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/find-job
-- include lib/journal
-- include lib/end-job
-- include lib/place
-- include lib/wake
readState(q, now)
local id, record = findJob(q, ARGV[3])
if not record then return answer('not-found') end
if string.sub(record, 1, 14) ~= 'D' .. ARGV[4] then return answer('changed') end
begin(q, { id })
local traits = withTrait(redis.call('HGET', q.traits, id), 'p', ARGV[6] ~= '0' and ARGV[6])
if traits ~= '' then
  use(q, 't')
  redis.call('HSET', q.traits, id, traits)
else
  redis.call('HDEL', q.traits, id)
end
redis.call('HSET', q.jobs, id, ARGV[5])
dropEnd(q, 'dead', { id }, #record)
place(q, { id }, 'back')
finish(q)
addEvent(q, 'enqueued', id, ARGV[5], '')
sendNotices(q)
wake(q)
return answer('retried')
