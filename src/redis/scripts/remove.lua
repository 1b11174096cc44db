#!lua flags=allow-oom
-- Deletes a job that does not run, and everything kept beside it.
-- atomic because a job must not start while it is deleted.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ids HASH   4 inflight HASH   5 scheduled ZSET   6 priority ZSET   7 parked ZSET
--       8 suspects LIST   9 cancelled ZSET   10 dead ZSET   11 levels HASH   12 crashes HASH   13 notes HASH   14 waiters HASH
-- ARGV  1 caller (a lane)   2 call number   3 id, a user's or the store's
--       4 how it looked when it was read: its state, of an ended one the beginning of its settled line; '' any
-- returns 'removed' | 'active' | 'changed' | 'not-found'
local meta, jobs, ids, inflight, scheduled, priority = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local parked, suspects, cancelled, dead, levels, crashes = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local notes, waiters = KEYS[13], KEYS[14]
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
if redis.call('HEXISTS', inflight, id) == 1 then return answer('active') end
local head = string.byte(record)
if ARGV[4] ~= '' then
  local seen = 'ready'
  if head == 67 or head == 88 or head == 68 then seen = string.sub(record, 1, #ARGV[4])
  elseif redis.call('ZSCORE', scheduled, id) then seen = 'scheduled'
  else
    local name = string.match(string.match(record, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
    if redis.call('ZSCORE', parked, name .. ' ' .. id) then seen = 'parked' end
  end
  if seen ~= ARGV[4] then return answer('changed') end
end
-- include lib/journal
begin({ id })
local envelope = record
if head == 67 or head == 88 or head == 68 then
  envelope = string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1)
  if redis.call('ZREM', dead, id) == 1 then
    redis.call('HINCRBY', meta, 'deadBytes', -#record)
  elseif redis.call('ZREM', cancelled, id) == 1 then
    redis.call('HINCRBY', meta, 'cancelledBytes', -#record)
  else
    redis.call('HINCRBY', meta, 'completedCount', -1) -- its number stays in the list until retention passes over it
  end
else
  local name = string.match(string.match(record, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
  if redis.call('ZREM', scheduled, id) == 0 and redis.call('ZREM', priority, id) == 0
      and redis.call('ZREM', parked, name .. ' ' .. id) == 0
      and (redis.call('EXISTS', suspects) == 0 or redis.call('LREM', suspects, 1, id) == 0) then
    redis.call('HINCRBY', meta, 'readyHoles', 1) -- its number stays in the ready list; reserve skips it
  end
end
redis.call('HDEL', levels, id)
redis.call('HDEL', crashes, id)
redis.call('HDEL', notes, id .. ':progress', id .. ':logs')
local userId = string.match(envelope, '^1%w* ([^ {\n]+)')
if userId and redis.call('HGET', ids, userId) == id then redis.call('HDEL', ids, userId) end
redis.call('HDEL', jobs, id)
finish()
local base = string.sub(meta, 1, -5)
if redis.call('HDEL', waiters, id) == 1 then
  publish(base .. 'settled', id .. ' X' .. nowText .. '{"reason":"removed"}')
end
local listen = redis.call('HGET', meta, 'listen')
-- include lib/news
if listen and tonumber(listen) > now then
  publish(base .. 'events', nowText .. '\n' .. newsOf('removed', id, envelope, ''))
end
return answer('removed')
