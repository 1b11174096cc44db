#!lua flags=allow-oom
-- Ids of one page of a state, and the place of the last of them: the next page begins behind it, whatever came or left.
-- atomic because a page must come from one moment.
--
-- KEYS  all of the queue
-- ARGV  1 state   2 cursor ('' = first page)   3 limit
-- returns { next cursor or '', ids }
-- Cursors name the last job of a page: `score:member` of a sorted set; `s:id`, `p:score:id`, `g:score:member` and `r:index:id` of ready jobs;
-- `elements that ended later:ms:id` of completed ones; of active ones the place that HSCAN gave.
-- include lib/keys
local state, cursor, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}

-- include lib/ranked-page
-- include lib/page-of-completed

local function add(pairs)
  for i = 1, #pairs, 2 do found[#found + 1] = pairs[i] end
end

local function pageOf(place, left)
  return { left > 0 and place or '', found }
end

local function rankedPage(pairs, place, left)
  add(pairs)
  return pageOf(place, left)
end

if state == 'scheduled' then return rankedPage(pageAscending(q.scheduled, cursor, limit)) end
if state == 'cancelled' then return rankedPage(pageDescending(q.cancelled, cursor, limit)) end
if state == 'dead' then return rankedPage(pageDescending(q.dead, cursor, limit)) end
if state == 'parked' then
  local page = rankedPage(pageAscending(q.parked, cursor, limit))
  for i = 1, #found do found[i] = string.match(found[i], '([^ ]+)$') end -- a foreign name may hold spaces
  return page
end

if state == 'active' then
  -- The page as HSCAN gives it, a few more or fewer than asked for: cut in two, a rehash between the halves would skip
  -- jobs. One that is met twice was in flight all the time.
  local scan = redis.call('HSCAN', q.inflight, cursor ~= '' and cursor or '0', 'COUNT', limit)
  for i = 1, #scan[2], 2 do
    if scan[2][i] ~= '-' then found[#found + 1] = scan[2][i] end -- '-' keeps the hash a table
  end
  return { scan[1] == '0' and '' or scan[1], found }
end

if state == 'completed' then return pageOfCompleted(q, cursor, limit) end
if state ~= 'ready' then return { '', found } end

-- Suspects by their ids: one that leaves its list leaves no trace of where it was. They are few; of more than a thousand those
-- at the front are shown.
local part, rest = string.match(cursor, '^(%a):(.+)$')
local place
local left = 0
if not part or part == 's' then
  local waiting, behind = redis.call('LRANGE', q.suspects, 0, 999), {}
  for i = 1, #waiting do
    if not rest or rest < waiting[i] then behind[#behind + 1] = waiting[i] end
  end
  table.sort(behind)
  for i = 1, math.min(#behind, limit) do found[i] = behind[i] end
  left = #behind - #found
  if #found > 0 then place = 's:' .. found[#found] end
  part = 'p'
  rest = nil
end
if part == 'p' then
  if #found < limit then
    local pairs, last, more = pageAscending(q.priority, rest, limit - #found)
    add(pairs)
    left = more
    if last then place = 'p:' .. last end
  else
    left = left + redis.call('ZCARD', q.priority)
  end
  part = 'g'
  rest = nil
end
if part == 'g' then
  if #found < limit then
    local members, last, more = pageAscending(q.grouped, rest, limit - #found)
    for i = 1, #members, 2 do found[#found + 1] = string.match(members[i], '([^ \t]+)$') end
    left = more
    if last then place = 'g:' .. last end
  else
    left = left + redis.call('ZCARD', q.grouped)
  end
  part = 'r'
  rest = nil
end
local length = redis.call('LLEN', q.ready)
if #found >= limit then
  return pageOf(place, left + length)
end
local from = 0
if rest then
  -- Its number stays in the list until a worker takes it, and what stands before it goes first: it moves to the left, or
  -- to the right by what was released. A long way is searched in several calls.
  local index, id = string.match(rest, '^(%d+):(.+)$')
  index = tonumber(index)
  local searched
  local function look(first, last)
    local ids = redis.call('LRANGE', q.ready, first, last)
    for i = #ids, 1, -1 do
      if ids[i] == id then return first + i end
    end
  end
  if redis.call('LINDEX', q.ready, index) == id then
    searched = index + 1
  else
    local last = math.min(index, length - 1)
    for window = 1, 8 do
      if last < 0 then break end
      local first = math.max(last - 999, 0)
      searched = look(first, last) or (window == 1 and look(index + 1, index + 1000)) or nil
      if searched then break end
      last = first - 1
    end
    -- A worker has taken it, and with it all that stood before it.
    if not searched and last < 0 then searched = 0 end
    if not searched then return { 'r:' .. string.format('%d', last) .. ':' .. id, found } end
  end
  from = searched
end
local ids = redis.call('LRANGE', q.ready, from, from + limit - #found - 1)
for i = 1, #ids do found[#found + 1] = ids[i] end
if #ids > 0 then place = string.format('r:%d:%s', from + #ids - 1, ids[#ids]) end
return pageOf(place, length - from - #ids)
