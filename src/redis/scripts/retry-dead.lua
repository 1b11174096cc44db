#!lua flags=allow-oom
-- A dead job becomes ready again, if it is still the dead job that was read.
-- atomic because two people may press the button at once.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's   4 settledAt ms
--       5 envelope, or its first line where the payload lies apart   6 priority
--       7 payload that is to lie apart, or ''
-- returns 'retried' | 'changed' | 'not-found' | 'conflict id': the live job that holds its unique key
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/find-job
-- include lib/journal
-- include lib/revive
-- include lib/wake
readState(q, now)
local id, record = findJob(q, ARGV[3])
if not record then return answer('not-found') end
if string.sub(record, 1, 14) ~= 'D' .. ARGV[4] then return answer('changed') end
local size = sizeOf(q, id, record)
begin(q, { id })
local holder = revive(q, id, record, ARGV[5], ARGV[6], ARGV[7])
if not holder then placeRevived(q, { id }, size) end
finish(q)
if holder then return answer('conflict ' .. holder) end
sendNotices(q)
wake(q)
return answer('retried')
