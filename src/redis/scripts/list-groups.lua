#!lua flags=allow-oom
-- A page of the groups of a queue that have a rule, or jobs that wait or run, by their keys.
-- atomic because what waits, what runs and what holds a group must be of one moment.
--
-- KEYS  all of the queue
-- ARGV  1 the key behind which the page begins, '' the first   2 most groups
-- returns { now, the last key of the page or '' at the end, per group: key, waiting, running, rule or '', by what it is held or '', until ms or '',
--           holder or '' … }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/lanes
-- include lib/rank-of
readState(q, now)
local after, most = ARGV[1], tonumber(ARGV[2])

-- The next key behind this one in a sorted set of members 'key TAB …'.
local function keyBehind(store, key)
  local member = redis.call('ZRANGEBYLEX', store, key == '' and '-' or '[' .. key .. '\n', '+', 'LIMIT', 0, 1)[1]
  return member and keyIn(member)
end

-- Keys with a rule are in no order: all behind the place, sorted. Users decide about few groups.
local ruled = {}
for _, key in ipairs(redis.call('HKEYS', q.rules)) do
  if after == '' or isBefore(after, key) then ruled[#ruled + 1] = key end
end
table.sort(ruled, isBefore)

local function whole(number)
  return number and string.format('%.0f', number) or ''
end

local keys, at, place = {}, 1, after
while #keys < most do
  local nextKey = ruled[at]
  for _, store in ipairs({ q.grouped, q.flying }) do
    local key = keyBehind(store, place)
    if key and (not nextKey or isBefore(key, nextKey)) then nextKey = key end
  end
  if not nextKey then break end
  if nextKey == ruled[at] then at = at + 1 end
  keys[#keys + 1], place = nextKey, nextKey
end
local reply, lanes = { q.nowText, #keys == most and place or '' }, lanesOf(q, keys)
for i = 1, #keys do
  local lane = lanes[i]
  local low, high = rangeOf(keys[i])
  local head = firstReady(q, lane)
  local by, untilMs = holdOf(q, lane, head and readyIdIn(head, keys[i]) or '')
  for _, value in ipairs({ keys[i], redis.call('ZLEXCOUNT', q.grouped, low, high), runningIn(q, lane),
    redis.call('HGET', q.rules, keys[i]) or '', by or '', whole(untilMs), by == 'order' and lane.holder or '' }) do
    reply[#reply + 1] = value
  end
end
return reply
