#!lua flags=allow-oom
-- Cancels a job that has not started; marks one that runs, so that it gets no further attempt.
-- atomic because a job must not start between the look and the mark.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ids HASH   4 inflight HASH   5 scheduled ZSET   6 priority ZSET   7 parked ZSET
--       8 suspects LIST   9 cancelling HASH   10 cancelled ZSET   11 levels HASH   12 waiters HASH   13 crashes HASH
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's
-- returns 'cancelled' | 'requested' | 'finished' | 'not-found'
local meta, jobs, ids, inflight, scheduled, priority = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local parked, suspects, cancelling, cancelled, levels, waiters = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local nowText = string.format('%.0f', now)
-- include lib/find-job
local id, record = findJob(ARGV[3])
if not record then return answer('not-found') end
local head = string.byte(record)
if head == 67 or head == 88 or head == 68 then return answer('finished') end
-- include lib/journal
local base = string.sub(meta, 1, -5)
if redis.call('HEXISTS', inflight, id) == 1 then
  redis.call('HSET', cancelling, id, nowText)
  publish(base .. 'signals', 'cancel ' .. id)
  return answer('requested')
end
begin({ id })
local name = string.match(string.match(record, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
if redis.call('ZREM', scheduled, id) == 0 and redis.call('ZREM', priority, id) == 0
    and redis.call('ZREM', parked, name .. ' ' .. id) == 0
    and (redis.call('EXISTS', suspects) == 0 or redis.call('LREM', suspects, 1, id) == 0) then
  redis.call('HINCRBY', meta, 'readyHoles', 1) -- its number stays in the ready list; reserve skips it
end
redis.call('HDEL', levels, id)
redis.call('HDEL', KEYS[13], id)
local line = 'X' .. nowText .. '{"reason":"cancelled"}'
local kept = line .. '\n' .. record
redis.call('HSET', jobs, id, kept)
redis.call('ZADD', cancelled, nowText, id)
redis.call('HINCRBY', meta, 'cancelledBytes', #kept)
finish()
local until_ = redis.call('HGET', waiters, id)
if until_ then
  publish(base .. 'settled', id .. ' ' .. line)
  redis.call('HDEL', waiters, id)
end
local listen = redis.call('HGET', meta, 'listen')
-- include lib/news
if listen and tonumber(listen) > now then
  publish(base .. 'events', nowText .. '\n' .. newsOf('cancelled', id, record, '{"reason":"cancelled"}'))
end
return answer('cancelled')
