#!lua flags=allow-oom
-- Reads stored jobs; with a waiter's time to live it also registers interest in the end of one that still runs.
-- atomic because a job's place and its record must fit, and no end may fall between reading and waiting.
--
-- KEYS  all of the queue
-- ARGV  1 waiter's time to live in ms or ''   2 '1' the ids are the store's own | '0' a user's or the store's   3… ids
-- returns { now, per id: {} | its view (lib/view-of) … }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/view-of
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
    local state = stateOf(q, id, record)
    if ARGV[1] ~= '' and not isEnded(record) then
      use(q, 'w')
      redis.call('HSET', q.waiters, id, string.format('%.0f', now + tonumber(ARGV[1])))
    end
    local due = state == 'scheduled' and tonumber(redis.call('ZSCORE', q.scheduled, id))
    local token = state == 'active' and redis.call('HGET', q.inflight, id)
    reply[i - 1] = viewOf(q, id, state, record, due, token)
  end
end
return reply
