#!lua flags=allow-oom
-- Where a job stands, and what might hold it.
-- atomic because a place, limits and workers of different moments would explain nothing.
--
-- KEYS  all of the queue
-- ARGV  1 id, a user's or the store's   2 jobs of the line that are looked through
--       3 of these at most so many where some left holes, each of which is looked at
-- returns { } where no such job is kept | names and values in turns: now, state, head, due, suspect '1'|'', parkedAs, ahead, exact '1'|'',
--         paused '1'|'', workers '1'|'', running, limits, group, ordered '1'|'', flying (of the group), rule, hold, holdUntil, holder,
--         gate, opensAt; '' for what there is none of
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/find-job
-- include lib/place-of
-- include lib/lanes
local limitsText, holes = readState(q, now, 'limits', 'readyHoles')
local id, record = findJob(q, ARGV[1])
if not record then return {} end
local state = stateOf(q, id, record)
local isSuspect = state == 'ready' and redis.call('EXISTS', q.suspects) == 1 and redis.call('LPOS', q.suspects, id)

-- Of the first jobs of the line: those that are there no more.
local function holesIn(count)
  local ids = redis.call('LRANGE', q.ready, 0, count - 1)
  local cancelled, found = redis.call('ZMSCORE', q.cancelled, unpack(ids)), 0
  for i = 1, #ids do
    if cancelled[i] or redis.call('HEXISTS', q.jobs, ids[i]) == 0 then found = found + 1 end
  end
  return found
end

-- How many run before a ready job, and whether that is exact.
local function aheadOf()
  if isSuspect then return isSuspect, true end
  local group = has(q, 'g') and groupsOf(q, { id })[1]
  if group then
    local low = rangeOf(group.key)
    return redis.call('ZLEXCOUNT', q.grouped, low, '(' .. memberOf(group, id)), true
  end
  local ranked = redis.call('ZRANK', q.priority, id)
  if ranked then return ranked, true end
  local most, left = tonumber(ARGV[2]), tonumber(holes or 0)
  local place = redis.call('LPOS', q.ready, id, 'MAXLEN', most)
  local before = redis.call('ZCARD', q.priority)
  local count = place or most
  if left <= 0 then return before + count, place and true end
  if not place or place > tonumber(ARGV[3]) then return before + math.max(count - left, 0), false end
  return before + place - (place > 0 and holesIn(place) or 0), true
end

local ahead, isExact
if state == 'ready' then ahead, isExact = aheadOf() end
local due = state == 'scheduled' and redis.call('ZSCORE', q.scheduled, id)
local limits, opensAt = limitsOf(q), nil
if limits and limits.window then
  local cost = tonumber(traitOf(redis.call('HGET', q.traits, id), 'c') or 1)
  local left, opens = leftIn(q, limits.window, cost)
  if left < cost and not startsAlone(q, cost) then opensAt = opens end
end
local member = state == 'parked' and parkedMemberOf(q, id)
local hasWorkers = redis.call('EXISTS', q.idle) == 1 or redis.call('ZCOUNT', q.workers, '(' .. q.nowText, '+inf') > 0

local group = has(q, 'g') and groupsOf(q, { id })[1]
local lane = group and laneOf(q, group.key)
local by, untilMs
if lane then by, untilMs = holdOf(q, lane, id) end

local function whole(number)
  return number and string.format('%.0f', number) or ''
end
return {
  'now', q.nowText, 'state', state, 'head', headOf(record), 'due', whole(tonumber(due or nil)), 'suspect', isSuspect and '1' or '',
  'parkedAs', member and string.sub(member, 1, -#id - 2) or '', 'ahead', whole(ahead), 'exact', isExact and '1' or '',
  'paused', q.paused and '1' or '', 'workers', hasWorkers and '1' or '',
  'running', whole(redis.call('HLEN', q.inflight) - redis.call('HEXISTS', q.inflight, '-')), 'limits', limitsText or '',
  'group', lane and lane.key or '', 'ordered', lane and group.isOrdered and '1' or '', 'flying', lane and runningIn(q, lane) or '',
  'rule', lane and redis.call('HGET', q.rules, lane.key) or '', 'hold', by or '', 'holdUntil', whole(untilMs),
  'holder', by == 'order' and lane.holder or '',
  'gate', limits and limits.gate > now and whole(limits.gate) or '', 'opensAt', whole(opensAt),
}
