#!lua
-- Stores plain jobs as enqueue.lua does, all or none, with a quarter of the keys.
-- Before its first write it answers 'full' where that script must be called under the same number: the queue has priorities, or a
-- feature that this script does not know; somebody listens to events; the call was made before.
-- atomic because a job's envelope and its place in a queue must appear together.
-- Without allow-oom: a full Redis refuses the batch before anything is written.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ready LIST   4 idle SET   5 inflight HASH   6 workers ZSET
-- ARGV  1 caller (a producer's lane)   2 call number   then id, envelope …
-- returns 'full' | { now, {} }
local q = { meta = KEYS[1], jobs = KEYS[2], ready = KEYS[3], idle = KEYS[4], inflight = KEYS[5], workers = KEYS[6] }
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- without lib/lane-moves
-- without lib/enter-lanes
-- include lib/publish
-- include lib/state
-- include lib/place
-- include lib/hand-over
local recordField = '@' .. ARGV[1]
local worker, laneField, besideField = askIdle(q)
local fence, record, lane, beside = readState(q, now, 'fence', recordField, laneField, besideField)
if q.listening or string.find(q.features, '[^utscxwnklbqg]') then return 'full' end
if record and tonumber(string.match(record, '^%d+')) >= tonumber(ARGV[2]) then return 'full' end
q.fence, q.seconds = fence, t[1]
local ids, texts, long = {}, {}, false
for i = 3, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
  texts[#ids] = ARGV[i + 1]
  if #ARGV[i + 1] > RULES.longEnvelope then long = true end
end
redis.call('HSET', q.jobs, unpack(ARGV, 3))
if long then use(q, 'l') end
local note = { recordField, ARGV[2] .. ' ' .. t[1] .. ' ' }
local mayHandOver = worker and not q.paused and not long and #ids <= RULES.mostHanded
if not mayHandOver or not handOver(q, ids, { worker, lane, beside }, texts, note) then
  redis.call('HSET', q.meta, unpack(note))
  local next = not q.paused and nextIdle(q)
  place(q, ids, 'back', false)
  if next then wake(q, next) end
end
return { q.nowText, {} }
