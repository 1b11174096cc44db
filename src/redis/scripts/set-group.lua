#!lua flags=allow-oom
-- Says what holds for one group of a queue, whole, or that it is as the queue says again. What a handler has closed is open again.
-- atomic because a rule and where its group stands must agree, and a worker must hear of more room.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 key   4 'weight running limit per smooth paused' as lib/lane-of | '' no rule
-- returns '1' it had a rule | '0'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/lane-moves
readState(q, now)
local key, rule = ARGV[3], ARGV[4]
local had = redis.call('HEXISTS', q.rules, key)
-- The record of its lane names the window of a rate that is gone: another rate begins anew.
local before = redis.call('HGET', q.rules, key) or ''
if rule ~= '' then
  use(q, 'g')
  redis.call('HSET', q.rules, key, rule)
else
  redis.call('HDEL', q.rules, key)
end
local lane = laneOf(q, key)
local pattern = '^%S+ %S+ (%S+ %S+ %d)'
local isKnown = redis.call('HEXISTS', q.lanes, key) == 1
if string.match(before, pattern) ~= string.match(rule, pattern) and lane.window then
  lane.starts, lane.window = '', windowFrom(q, lane.window.limit, lane.window.per, lane.window.isSmooth, '')
end
lane.gate = 0
if isKnown then
  touchLane(q, lane)
  closeLanes(q)
end
return answer(had)
