#!lua flags=allow-oom
-- Deletes ended jobs that own retention keeps no longer, and what is kept beside them. No event is made.
-- atomic because a job, its place and what is counted of it go together.
--
-- KEYS  all of the queue
-- ARGV  1… id, and how its record began when it was read: letter and ms of its end. One that changed since stays
-- returns how many were deleted
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish
-- include lib/journal
-- include lib/end-job
readState(q, now)
local asked = {}
for i = 1, #ARGV, 2 do asked[#asked + 1] = ARGV[i] end
local records = redis.call('HMGET', q.jobs, unpack(asked))
local states = { C = 'completed', X = 'cancelled', D = 'dead' }
local idsOf, bytesOf = { completed = {}, cancelled = {}, dead = {} }, { completed = 0, cancelled = 0, dead = 0 }
local gone = {}

begin(q, asked)
for i = 1, #asked do
  local seen, record = ARGV[i * 2], records[i]
  if record and string.sub(record, 1, #seen) == seen then
    local state = states[string.sub(seen, 1, 1)]
    gone[#gone + 1] = asked[i]
    table.insert(idsOf[state], asked[i])
    bytesOf[state] = bytesOf[state] + sizeOf(q, asked[i], record)
  end
end
for state, ids in pairs(idsOf) do dropEnd(q, state, ids, bytesOf[state]) end
deleteJobs(q, gone, true)
finish(q)
return #gone
