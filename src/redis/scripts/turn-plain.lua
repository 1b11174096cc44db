#!lua flags=allow-oom
-- The turn of settle-and-reserve.lua on a queue that holds plain jobs alone: the same steps and arguments with a third of the keys.
-- Before its first write it answers 'full' where that script must take the turn: the queue uses a feature (lib/features), somebody
-- listens to events, the call was made before, a repair is due, or something else than a completion is to be settled.
-- atomic because a settlement, its successor state and the new leases must never be seen apart.
--
-- KEYS  1 meta HASH   2 jobs HASH   3 ready LIST   4 inflight HASH   5 workers ZSET   6 idle SET   7 completed LIST
-- ARGV  1–10… as settle-and-reserve.lua takes them, with sections C and K alone
-- returns 'full' | as settle-and-reserve.lua
local q = { meta = KEYS[1], jobs = KEYS[2], ready = KEYS[3], inflight = KEYS[4], workers = KEYS[5], idle = KEYS[6],
  completed = KEYS[7] }
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- without lib/lane-moves
-- without lib/enter-lanes
-- without turn/take-shares
-- include lib/state
-- include lib/publish-or-fail
-- include turn/turn
-- include turn/unlimited
-- include turn/complete
-- include turn/trim
-- include turn/reserve
-- include turn/reply
local turn, last = openTurn(q, now, t[1]), #ARGV
if q.features ~= '' or q.listening or (q.torn or '') ~= '' or isAnswered(turn) then return 'full' end
local at = 10
while at <= last do
  if ARGV[at] ~= 'C' and ARGV[at] ~= 'K' then return 'full' end
  at = at + 5 + tonumber(ARGV[at + 1]) * 2
end
at = 10
while at <= last do at = complete(q, turn, ARGV[at], tonumber(ARGV[at + 1]), at + 2) end
trimCompleted(q, turn)
reserve(q, turn)
return reply(q, turn)
