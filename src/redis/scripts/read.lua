#!lua flags=allow-oom
-- Reads stored jobs; with a waiter's time to live it also registers interest in the end of one that still runs.
-- atomic because a job's place and its record must fit, and no end may fall between reading and waiting.
--
-- KEYS  all of the queue
-- ARGV  1 waiter's time to live in ms or ''   2 '1' the ids are the store's own | '0' a user's or the store's   3… ids
-- returns { now, per id: {} | { id, state, record, due ms or '', progress or '', cancelling '1'|'',
--           token of its lease or '' } … }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/features
-- include lib/find-job
-- include lib/place-of
readState(q, now)
local reply = { q.nowText }
for i = 3, #ARGV do
  local id, record = ARGV[i], nil
  if ARGV[2] == '1' then record = redis.call('HGET', q.jobs, id) else id, record = findJob(q, id) end
  if not record then
    reply[i - 1] = {}
  else
    local state, due = stateOf(q, id, record), ''
    if state == 'scheduled' then due = string.format('%.0f', tonumber(redis.call('ZSCORE', q.scheduled, id))) end
    if ARGV[1] ~= '' and not isEnded(record) then
      use(q, 'w')
      redis.call('HSET', q.waiters, id, string.format('%.0f', now + tonumber(ARGV[1])))
    end
    reply[i - 1] = {
      id, state, record, due,
      has(q, 'n') and redis.call('HGET', q.notes, id .. ':progress') or '',
      has(q, 'x') and redis.call('HEXISTS', q.cancelling, id) == 1 and '1' or '',
      state == 'active' and redis.call('HGET', q.inflight, id) or '',
    }
  end
end
return reply
