#!lua flags=allow-oom
-- Cancels a bulk operation: its executor does no further step.
-- atomic because a step must not begin between the look and the mark.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 id of the operation
-- returns 'cancelled' | 'over': it had ended | 'gone'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/bulk
q.nowText = string.format('%.0f', now)
local bulk = readBulk(q, ARGV[3])
if not bulk then return answer('gone') end
if bulk.state ~= 'running' then return answer('over') end
bulk.state = 'cancelled'
closeBulk(q, bulk)
return answer('cancelled')
