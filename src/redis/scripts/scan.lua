#!lua flags=allow-oom
-- Walks on through the jobs of one state, from the newest place, and answers those that have the texts: whoever asks looks at each
-- itself. Where others leave meanwhile, a job that stays is met once; one that is active may be met twice.
-- atomic because a place and what stands behind it must come from one moment.
--
-- KEYS  all of the queue
-- ARGV  1 state   2 cursor ('' = the newest)   3 most jobs   4 most bytes of records
--       5… texts that a job must have, one of each group: 'r' its record, or 'p' its record or a payload that lies apart; their
--       number; the texts
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
  local group = { mayLieApart = ARGV[at] == 'p' }
  for i = 1, tonumber(ARGV[at + 1]) do group[i] = ARGV[at + 1 + i] end
  groups[#groups + 1] = group
  at = at + 2 + #group
end

local function hasOneOf(group, id, record)
  for i = 1, #group do
    if string.find(record, group[i], 1, true) or string.find(id, group[i], 1, true) then return true end
  end
  return group.mayLieApart and isApart(record)
end

local function isCandidate(id, record)
  for i = 1, #groups do
    if not hasOneOf(groups[i], id, record) then return false end
  end
  return true
end

-- Ids of a page, what stands beside them, and the next place.
local function ranked(store, place, limit)
  local pairs, last, left = pageDescending(store, place, limit)
  local ids, scores = {}, {}
  for i = 1, #pairs, 2 do
    ids[#ids + 1] = state == 'parked' and string.match(pairs[i], '([^ ]+)$') or pairs[i] -- a foreign name may hold spaces
    scores[#ids] = state == 'scheduled' and string.format('%.0f', tonumber(pairs[i + 1])) or ''
  end
  return ids, scores, left > 0 and last or nil
end

local function pageBehind(place, limit)
  if state == 'ready' then
    local ids, nextPlace = newestReady(q, place, limit)
    return ids, {}, nextPlace
  elseif state == 'completed' then
    local nextPlace, ids = unpack(pageOfCompleted(q, place, limit))
    return ids, {}, nextPlace ~= '' and nextPlace or nil
  elseif state == 'active' then
    local scan, ids, tokens = redis.call('HSCAN', q.inflight, place ~= '' and place or '0', 'COUNT', limit), {}, {}
    for i = 1, #scan[2], 2 do
      if scan[2][i] ~= '-' then -- '-' keeps the hash a table
        ids[#ids + 1] = scan[2][i]
        tokens[#ids] = scan[2][i + 1]
      end
    end
    return ids, tokens, scan[1] ~= '0' and scan[1] or nil
  elseif state == 'blocked' then
    return {}, {}, nil
  end
  return ranked(q[state], place, limit)
end

local reply, looked, head = { '', 0, '' }, 0, ''
local isLive = state ~= 'completed' and state ~= 'cancelled' and state ~= 'dead'
-- A result may be as long as a payload; other long records have a feature of their own.
local mayBeLong = state == 'completed' or has(q, 'l')

local function answer(id, record, beside)
  reply[#reply + 1] = id
  reply[#reply + 1] = record
  reply[#reply + 1] = beside or ''
end

-- Looks at jobs of one page together.
local function look(ids, beside)
  local short, places = {}, {}
  for i = 1, #ids do
    if room <= 0 or (mayBeLong and redis.call('HSTRLEN', q.jobs, ids[i]) > RULES.longEnvelope) then
      answer(ids[i], '', beside[i])
    else
      short[#short + 1] = ids[i]
      places[#short] = beside[i] or ''
    end
  end
  if #short == 0 then return end
  local records = redis.call('HMGET', q.jobs, unpack(short))
  for i = 1, #short do
    local record = records[i]
    -- The number of a ready job that was cancelled or removed stays in the list; of others a record may be lost by hand.
    if record and isEnded(record) ~= isLive then
      room = room - #record
      head = string.sub(record, 1, 14)
      if isCandidate(short[i], record) then answer(short[i], record, places[i]) end
    end
  end
end

local place = cursor
repeat
  local ids, beside, nextPlace = pageBehind(place, math.min(most - looked, 100))
  for from = 1, #ids, 25 do
    look({ unpack(ids, from, math.min(from + 24, #ids)) }, { unpack(beside, from, math.min(from + 24, #ids)) })
  end
  looked = looked + #ids
  place = nextPlace
  -- A page without jobs was a search for its place, unless a part of the ready jobs begins.
until not place or looked >= most or room <= 0 or (#ids == 0 and #place > 1)
reply[1], reply[2], reply[3] = place or '', looked, head
return reply
