#!lua
-- Enqueues a job of a schedule beside its ticks, and remembers it as one of its runs.
-- atomic because a tick that must not overlap has to see the job as soon as it exists.
-- Without allow-oom: a full Redis refuses it before anything is written.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 name   4 spec hash   5 id   6 envelope   7 traits, the user id among them
--       8 scheduled for ms
-- returns 'created id' | 'known id' | 'kept id' (of the job that has its unique key) | 'changed' | 'not-found'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/tick-jobs
-- include lib/wake
readState(q, now)
local name = ARGV[3]
local header = redis.call('HGET', q.schedules, name)
if not header then return answer('not-found') end
local hash, before, open, after = string.match(header, '^(%S+) (%S+ %S+ %S+ %S+ %S+ %S+ %S+) (%S+) (%S+ .*)$')
if hash ~= ARGV[4] then return answer('changed') end
collectTickJobs(q, { ARGV[7] })
local id, isOfOther = addTickJob(q, 5)
if storeTickJobs(q) == 0 then return answer((isOfOther and 'kept ' or 'known ') .. id) end

local unsettled = {}
for other in string.gmatch(open, '[^,]+') do
  local record = redis.call('HGET', q.jobs, other)
  if redis.call('HEXISTS', q.inflight, other) == 1 or (record and not isEnded(record)) then
    unsettled[#unsettled + 1] = other
  end
end
unsettled[#unsettled + 1] = id
if #unsettled > RULES.mostOpenJobs then table.remove(unsettled, 1) end
redis.call('HSET', q.schedules, name, table.concat({ hash, before, table.concat(unsettled, ','), after }, ' '))
local entries = { ARGV[8] .. ':' .. q.nowText .. ':0:' .. id }
for entry in string.gmatch(redis.call('HGET', q.runs, name) or '', '%S+') do
  if #entries < RULES.mostRuns then entries[#entries + 1] = entry end
end
redis.call('HSET', q.runs, name, table.concat(entries, ' '))
wake(q)
sendNotices(q)
return answer('created ' .. id)
