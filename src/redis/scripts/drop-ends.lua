#!lua flags=allow-oom
-- Deletes ended jobs that own retention keeps no longer, and what is kept beside them. Nobody is told.
-- atomic because a job, its place and what is counted of it go together.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ids HASH   4 notes HASH   5 cancelled ZSET   6 dead ZSET
-- ARGV  1… id, and how its record began when it was read: letter and ms of its end. One that changed since stays
-- returns how many were deleted
local meta, jobs, ids, notes, cancelled, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
-- include lib/journal
local asked = {}
for i = 1, #ARGV, 2 do asked[#asked + 1] = ARGV[i] end
local records = redis.call('HMGET', jobs, unpack(asked))
local hasNotes = redis.call('EXISTS', notes) == 1
local function forget(id, record)
  local envelope = string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1)
  local userId = string.match(envelope, '^1%w* ([^ {\n]+)')
  if userId and redis.call('HGET', ids, userId) == id then redis.call('HDEL', ids, userId) end
  if hasNotes then redis.call('HDEL', notes, id .. ':progress', id .. ':logs') end
end

begin(asked)
local fields, ranked, bytes, completedOnes = {}, { [88] = {}, [68] = {} }, { [88] = 0, [68] = 0 }, 0
for i = 1, #asked do
  local id, seen, record = asked[i], ARGV[i * 2], records[i]
  local head = string.byte(seen)
  if record and string.sub(record, 1, #seen) == seen then
    fields[#fields + 1] = id
    forget(id, record)
    if head == 67 then
      completedOnes = completedOnes + 1 -- its number stays in the list until retention passes over it
    else
      ranked[head][#ranked[head] + 1] = id
      bytes[head] = bytes[head] + #record
    end
  end
end

if completedOnes > 0 then redis.call('HINCRBY', meta, 'completedCount', -completedOnes) end
if #ranked[88] > 0 then
  redis.call('ZREM', cancelled, unpack(ranked[88]))
  redis.call('HINCRBY', meta, 'cancelledBytes', -bytes[88])
end
if #ranked[68] > 0 then
  redis.call('ZREM', dead, unpack(ranked[68]))
  redis.call('HINCRBY', meta, 'deadBytes', -bytes[68])
end
if #fields > 0 then redis.call('HDEL', jobs, unpack(fields)) end
finish()
return #fields
