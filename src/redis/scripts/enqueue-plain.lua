#!lua
-- Stores plain jobs as enqueue.lua does, all or none, with a quarter of the keys.
-- Before its first write it answers 'full' where that script must be called with the same arguments: the queue has priorities, or a
-- feature that this script does not know; somebody listens to events; the call was made before.
-- atomic because a job's envelope and its place in a queue must appear together.
-- Without allow-oom: a full Redis refuses the batch before anything is written.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ready LIST   4 idle SET   5 inflight HASH   6 workers ZSET
-- ARGV  1 caller (a producer's lane)   2 call number   3 'plain'   then id, envelope …
-- returns 'full' | { now, {} }
local q = { meta = KEYS[1], jobs = KEYS[2], ready = KEYS[3], idle = KEYS[4], inflight = KEYS[5], workers = KEYS[6] }
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/publish
-- include lib/state
-- include lib/place
-- include lib/hand-over
local recordField = '@' .. ARGV[1]
local fence, record = readState(q, now, 'fence', recordField)
if q.listening or string.find(q.features, '[^utscxwnkl]') then return 'full' end
if record and tonumber(string.match(record, '^%d+')) >= tonumber(ARGV[2]) then return 'full' end
q.fence, q.seconds = fence, t[1]
local ids, long = {}, false
for i = 4, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
  if #ARGV[i + 1] > 16384 then long = true end
end
redis.call('HSET', q.jobs, unpack(ARGV, 4))
if long then use(q, 'l') end
redis.call('HSET', q.meta, recordField, ARGV[2] .. ' ' .. t[1] .. ' ')
if q.paused or #ids > 8 or long or not handOver(q, ids) then
  local worker = not q.paused and nextIdle(q)
  place(q, ids, 'back', false)
  if worker then wake(q, worker) end
end
return { q.nowText, {} }
