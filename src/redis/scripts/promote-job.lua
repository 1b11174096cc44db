#!lua flags=allow-oom
-- A scheduled job is due now: whoever promotes next makes it ready. One write, so that nothing is ever half done.
-- atomic because a job that ran or ended meanwhile must not be scheduled again.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ids HASH   4 inflight HASH   5 scheduled ZSET   6 parked ZSET
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's
-- returns 'promoted' | 'ready' | 'active' | 'parked' | 'completed' | 'cancelled' | 'dead' | 'not-found'
local meta, jobs, ids, inflight, scheduled, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
-- include lib/find-job
local id, record = findJob(ARGV[3])
if not record then return answer('not-found') end
local head = string.byte(record)
if head == 67 then return answer('completed') end
if head == 88 then return answer('cancelled') end
if head == 68 then return answer('dead') end
local due = redis.call('ZSCORE', scheduled, id)
if due then
  if tonumber(due) > now then redis.call('ZADD', scheduled, string.format('%.0f', now), id) end
  return answer('promoted')
end
if redis.call('HEXISTS', inflight, id) == 1 then return answer('active') end
local name = string.match(string.match(record, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
return answer(redis.call('ZSCORE', parked, name .. ' ' .. id) and 'parked' or 'ready')
