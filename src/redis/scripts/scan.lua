#!lua flags=allow-oom
-- Walks on through the jobs of one state, from the newest place, and answers those that have the texts: whoever asks looks at each
-- itself. Where others leave meanwhile, a job that stays is met once; one that is active may be met twice.
-- atomic because a place and what stands behind it must come from one moment.
--
-- KEYS  all of the queue
-- ARGV  1 state   2 cursor ('' = the newest)   3 most jobs   4 most bytes of records
--       5… texts that a job must have, one of each group: 'r' its record, 'p' its record or a payload that lies apart, or 'i' its
--       record or its number; how many texts; the texts
-- returns { cursor or '' at the end, number of jobs looked at, first 14 bytes of the record looked at last or '',
--           per candidate: id, its record or '' where that is long, due ms of a scheduled job | token of an active one | '' … }
-- Cursors name the last job: `score:member` of a sorted set; `elements that ended later:ms:id` of completed jobs; places of
-- lib/newest-ready; of active ones the place that HSCAN gave.
-- include lib/keys
local state, cursor, most, room = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
-- include lib/record
-- include lib/features
-- include lib/newest-ready
-- include lib/page-of-completed
q.features = redis.call('HGET', q.meta, 'features') or ''

local groups, at = {}, 5
while ARGV[at] do
  local group = { inPayload = ARGV[at] == 'p' and has(q, 'b'), inNumber = ARGV[at] == 'i' }
  for i = 1, tonumber(ARGV[at + 1]) do group[i] = ARGV[at + 1 + i] end
  groups[#groups + 1] = group
  at = at + 2 + #group
end

local find = string.find

local function hasOneOf(group, text)
  for i = 1, #group do
    if find(text, group[i], 1, true) then return true end
  end
  return false
end

local function isCandidate(id, record)
  for i = 1, #groups do
    local group = groups[i]
    local maybe = hasOneOf(group, record) or group.inPayload and isApart(record) or group.inNumber and hasOneOf(group, id)
    if not maybe then return false end
  end
  return true
end
-- Most jobs lack the one text that must be in their record: then one look tells.
local first = groups[1]
local needed = first and #first == 1 and not first.inPayload and not first.inNumber and first[1] or ''

-- Ids of a page, and the next place.
local function ranked(store, place, limit)
  local ids, last, left = membersDescending(store, place, limit)
  if state == 'parked' then
    for i = 1, #ids do ids[i] = string.match(ids[i], '([^ ]+)$') end -- a foreign name may hold spaces
  end
  return ids, left > 0 and last or nil
end

-- Ids of a page, the next place, and tokens of active ones.
local function pageBehind(place, limit)
  if state == 'ready' then
    return newestReady(q, place, limit)
  elseif state == 'completed' then
    local nextPlace, ids = unpack(pageOfCompleted(q, place, limit))
    return ids, nextPlace ~= '' and nextPlace or nil
  elseif state == 'active' then
    local scan, ids, tokens = redis.call('HSCAN', q.inflight, place ~= '' and place or '0', 'COUNT', limit), {}, {}
    for i = 1, #scan[2], 2 do
      if scan[2][i] ~= '-' then -- '-' keeps the hash a table
        ids[#ids + 1] = scan[2][i]
        tokens[scan[2][i]] = scan[2][i + 1]
      end
    end
    return ids, scan[1] ~= '0' and scan[1] or nil, tokens
  elseif state == 'blocked' then
    return {}, nil
  end
  return ranked(q[state], place, limit)
end

local reply, looked, last = { '', 0, '' }, 0, ''
local isLive = state ~= 'completed' and state ~= 'cancelled' and state ~= 'dead'
-- A result may be as long as a payload; other long records have a feature of their own.
local mayBeLong = state == 'completed' or has(q, 'l')

local function answer(id, record, tokens)
  local beside = tokens and tokens[id] or ''
  if state == 'scheduled' then
    beside = string.format('%.0f', tonumber(redis.call('ZSCORE', q.scheduled, id)))
  end
  local size = #reply
  reply[size + 1], reply[size + 2], reply[size + 3] = id, record, beside
end

-- The number of a ready job that was cancelled or removed stays in the list; of others a record may be lost by hand.
local function isThere(record)
  return record and isEnded(record) ~= isLive
end

local function look(ids, from, to, tokens)
  if from > to then return end
  local records, bytes = redis.call('HMGET', q.jobs, unpack(ids, from, to)), 0
  for i = 1, #records do
    local record = records[i]
    if record then
      bytes = bytes + #record
      if find(record, needed, 1, true) and isThere(record) and isCandidate(ids[from + i - 1], record) then
        answer(ids[from + i - 1], record, tokens)
      end
    end
  end
  room = room - bytes
  for i = #records, 1, -1 do
    if isThere(records[i]) then
      last = records[i]
      break
    end
  end
end

-- Leaves long records, and those that no room is left for, to whoever asks.
local function lookAtShort(ids, from, to, tokens)
  local short = {}
  for i = from, to do
    if room <= 0 or redis.call('HSTRLEN', q.jobs, ids[i]) > RULES.longEnvelope then
      answer(ids[i], '', tokens)
    else
      short[#short + 1] = ids[i]
    end
  end
  look(short, 1, #short, tokens)
end

local place = cursor
repeat
  local ids, nextPlace, tokens = pageBehind(place, math.min(most - looked, 100))
  for from = 1, #ids, 25 do
    local lookAt = (mayBeLong or room <= 0) and lookAtShort or look
    lookAt(ids, from, math.min(from + 24, #ids), tokens)
  end
  looked = looked + #ids
  place = nextPlace
  -- A page without jobs was a search for its place, unless a part of the ready jobs begins.
until not place or looked >= most or room <= 0 or (#ids == 0 and #place > 1)
reply[1], reply[2], reply[3] = place or '', looked, string.sub(last, 1, 14)
return reply
