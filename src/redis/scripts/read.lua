#!lua flags=allow-oom
-- Reads stored jobs; with a waiter's time to live it also registers interest in the end of one that still runs.
-- atomic because a job's place and its record must fit, and no end may fall between reading and waiting.
--
-- KEYS  1 jobs HASH   2 ids HASH   3 inflight HASH   4 scheduled ZSET   5 parked ZSET   6 cancelling HASH   7 notes HASH
--       8 waiters HASH
-- ARGV  1 waiter's time to live in ms or ''   2 '1' the ids are the store's own | '0' a user's or the store's   3… ids
-- returns { now, per id: {} | { id, state, record, due ms or '', progress or '', cancelling '1'|'',
--           token of its lease or '' } … }
local jobs, ids, inflight, scheduled, parked, cancelling = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local notes, waiters = KEYS[7], KEYS[8]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/find-job
local reply = { string.format('%.0f', now) }
for i = 3, #ARGV do
  local id, record = ARGV[i], nil
  if ARGV[2] == '1' then record = redis.call('HGET', jobs, id) else id, record = findJob(id) end
  if not record then
    reply[i - 1] = {}
  else
    local head = string.byte(record)
    local state, due, token = 'ready', '', ''
    if head == 67 then state = 'completed'
    elseif head == 88 then state = 'cancelled'
    elseif head == 68 then state = 'dead'
    else
      token = redis.call('HGET', inflight, id) or ''
    end
    if token ~= '' then
      state = 'active'
    elseif state == 'ready' then
      local score = redis.call('ZSCORE', scheduled, id)
      if score then
        state = 'scheduled'
        due = string.format('%.0f', tonumber(score))
      elseif redis.call('EXISTS', parked) == 1 then
        local name = string.match(string.match(record, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
        if redis.call('ZSCORE', parked, name .. ' ' .. id) then state = 'parked' end
      end
    end
    if ARGV[1] ~= '' and head ~= 67 and head ~= 88 and head ~= 68 then
      redis.call('HSET', waiters, id, string.format('%.0f', now + tonumber(ARGV[1])))
    end
    reply[i - 1] = {
      id, state, record, due,
      redis.call('HGET', notes, id .. ':progress') or '',
      redis.call('HEXISTS', cancelling, id) == 1 and '1' or '',
      token,
    }
  end
end
return reply
