#!lua flags=allow-oom
-- Ends runs and starts the next ones: applies settlements, promotes what is due, reserves up to `want` jobs.
-- atomic because a settlement, its successor state and the new leases must never be seen apart.
-- Where it stops in the middle, mend.lua puts its jobs in order and the turn is repeated: so an envelope is written before its job
-- gets a place, a list is shortened behind what was made of it, and a reserved job leaves the line last.
--
-- KEYS  all of the queue
-- ARGV  1 worker   2 caller (a worker's lane)   3 call number   4 lease ms   5 want
--       6 sum of: 1 alone, 2 may be listed idle, 4 may be handed jobs
--       7 adopt: '' none, '*' any, names joined by ' '   8 crashes until dead
--       9 fence of the last job that reached the worker by hand-over, or 0
--       then sections until the end, each: op, number of items, then its items:
--         C  keep count (-1 keeps nothing), keep bytes, token, then id, record       complete; the token of all, or those of each, joined by ','
--         K  as C, then id, settled line              complete; the script adds the envelope
--         R  token, then id, delay ms, envelope       retry
--         S  token, then id, delay ms, envelope or '' snooze
--         L  id, token                                release to the front
--         G  id, token, ms                            release to the front; nothing of the queue starts for so long
--         H  as G, of the group of the job alone; of the queue where it has none
--         P  id, token, name                          park
--         X  keep count, keep bytes, then id, token   cancel
--         D  keep count, keep bytes, then id, token, detail, envelope or ''   bury
--         T  id, ms   how long a run took, for events; before the others, from a worker that knows that somebody listens
-- returns { now, fence, flags (1 paused, 2 backlog, 4 suspects, 8 parked, 16 somebody listens to events, 32 turn-plain.lua would not do, 64 limits,
--           128 payloads may lie apart),
--           ms at which to look again or '', trimmed dead, lost ids,
--           cancelling ids, fences of handed jobs, reserved ids, envelopes, crashes by position or '' (all 0) }, lists as
--           text: items joined by ',', envelopes by a zero byte, because each string in a reply costs both sides as much
--           as a command; long envelopes as an array. Reserved first come those that were handed over (enqueue.lua) and have not arrived;
--         An envelope without a newline is a first line: the worker reads the payload in `payloads`.
--         a call older than the caller's last one changes nothing and reserves nothing
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish-or-fail
-- include turn/turn
-- include turn/keep-gate
-- include turn/answer-again
-- include turn/complete
-- include turn/settle-rare
-- include turn/trim
-- include turn/promote
-- include turn/reserve
-- include turn/reply
local turn = openTurn(q, now, t[1])
if isAnswered(turn) then return answerAgain(q, turn) end
settle(q, turn)
trimCompleted(q, turn)
promote(q, turn)
reserve(q, turn)
return reply(q, turn)
