#!lua flags=allow-oom
-- Ids of one page of a state, and the place of the last of them: the next page begins behind it, whatever came or left.
-- atomic because a page must come from one moment.
--
-- KEYS  1 ready LIST   2 priority ZSET   3 suspects LIST   4 scheduled ZSET   5 inflight HASH   6 parked ZSET
--       7 completed LIST   8 cancelled ZSET   9 dead ZSET
-- ARGV  1 state   2 cursor ('' = first page)   3 limit
-- returns { next cursor or '', ids }
-- Cursors name the last job of a page: `score:member` of a sorted set; `s:id`, `p:score:id` and `r:index:id` of ready jobs;
-- `elements that ended later:ms:id` of completed ones; of active ones the place that HSCAN gave.
local ready, priority, suspects, scheduled, inflight, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local completed, cancelled, dead = KEYS[7], KEYS[8], KEYS[9]
local state, cursor, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}

-- include lib/rank-of

local function take(pairs)
  local place
  for i = 1, #pairs, 2 do
    found[#found + 1] = pairs[i]
    place = pairs[i + 1] .. ':' .. pairs[i]
  end
  return place
end

-- Adds what stands behind a place, lowest score first; returns the place of the last and how many follow it.
local function ascending(store, score, member)
  local from = 0
  if score then
    local before, taken = rankOf(store, score, member)
    from = before + taken
  end
  local place = take(redis.call('ZRANGE', store, from, from + limit - #found - 1, 'WITHSCORES'))
  return place, redis.call('ZCARD', store) - from - #found
end

-- As above, highest score first.
local function descending(store, score, member)
  local left = score and rankOf(store, score, member) or redis.call('ZCARD', store)
  if left == 0 then return nil, 0 end
  local size = redis.call('ZCARD', store)
  local place = take(redis.call('ZREVRANGE', store, size - left, size - left + limit - 1, 'WITHSCORES'))
  return place, left - #found
end

local function pageOf(place, left)
  return { left > 0 and place or '', found }
end

if state == 'scheduled' then return pageOf(ascending(scheduled, string.match(cursor, '^([^:]+):(.+)$'))) end
if state == 'cancelled' then return pageOf(descending(cancelled, string.match(cursor, '^([^:]+):(.+)$'))) end
if state == 'dead' then return pageOf(descending(dead, string.match(cursor, '^([^:]+):(.+)$'))) end
if state == 'parked' then
  local page = pageOf(ascending(parked, string.match(cursor, '^([^:]+):(.+)$')))
  for i = 1, #found do found[i] = string.match(found[i], '([^ ]+)$') end -- a foreign name may hold spaces
  return page
end

if state == 'active' then
  -- The page as HSCAN gives it, a few more or fewer than asked for: cut in two, a rehash between the halves would skip
  -- jobs. One that is met twice was in flight all the time.
  local scan = redis.call('HSCAN', inflight, cursor ~= '' and cursor or '0', 'COUNT', limit)
  for i = 1, #scan[2], 2 do
    if scan[2][i] ~= '-' then found[#found + 1] = scan[2][i] end -- '-' keeps the hash a table
  end
  return { scan[1] == '0' and '' or scan[1], found }
end

if state == 'completed' then
  -- include lib/each-word
  local function numbersOf(element)
    local numbers = {}
    eachWord(element, function(id) numbers[#numbers + 1] = id end)
    return numbers
  end
  local function instantOf(element) return tonumber(string.match(element, '^%d+')) end
  local size = redis.call('LLEN', completed)

  -- The element that names the job, counted from the newest, and how many of its jobs are older; else where older ends begin.
  local function placeOf(newer, at, id)
    local function look(element, text)
      if instantOf(text) ~= at then return nil end
      local numbers = numbersOf(text)
      for i = 1, #numbers do
        if numbers[i] == id then return element, i - 1 end
      end
    end
    -- It moved as far as others ended since.
    for first = newer, newer + 450, 50 do
      local texts = redis.call('LRANGE', completed, -first - 50, -first - 1)
      for i = #texts, 1, -1 do
        local element, older = look(first + #texts - i, texts[i])
        if element then return element, older end
      end
      if #texts < 50 then break end
    end
    local low, high = 0, size
    while low < high do
      local middle = math.floor((low + high) / 2)
      if instantOf(redis.call('LINDEX', completed, -middle - 1)) > at then low = middle + 1 else high = middle end
    end
    for element = low, low + 199 do
      local text = redis.call('LINDEX', completed, -element - 1)
      if not text or instantOf(text) < at then return element end
      local hit, older = look(element, text)
      if hit then return hit, older end
    end
    return low
  end

  -- Newest element first, and inside of it the newest job first.
  local element, older = 0, nil
  if cursor ~= '' then
    local newer, at, id = string.match(cursor, '^(%d+):(%d+):(.+)$')
    element, older = placeOf(tonumber(newer), tonumber(at), id)
    if older == 0 then element, older = element + 1, nil end
  end
  local place
  while #found < limit and element < size do
    local text = redis.call('LINDEX', completed, -element - 1)
    local numbers = numbersOf(text)
    local from = older or #numbers
    local to = math.max(from - (limit - #found) + 1, 1)
    for i = from, to, -1 do found[#found + 1] = numbers[i] end
    if from > 0 then place = string.format('%d:%.0f:%s', element, instantOf(text), found[#found]) end
    older = to - 1
    if older <= 0 then element, older = element + 1, nil end
  end
  return pageOf(place, element < size and 1 or 0)
end

if state ~= 'ready' then return { '', found } end

-- Suspects by their ids: one that leaves its list leaves no trace of where it was. They are few; of more than a thousand those
-- at the front are shown.
local part, rest = string.match(cursor, '^(%a):(.+)$')
local place
local left = 0
if not part or part == 's' then
  local waiting, behind = redis.call('LRANGE', suspects, 0, 999), {}
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
    local behind, more = nil, 0
    local before = #found
    behind, more = ascending(priority, string.match(rest or '', '^([^:]+):(.+)$'))
    left = more + before
    if behind then place = 'p:' .. behind end
  else
    left = left + redis.call('ZCARD', priority)
  end
  part = 'r'
  rest = nil
end
local length = redis.call('LLEN', ready)
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
    local ids = redis.call('LRANGE', ready, first, last)
    for i = #ids, 1, -1 do
      if ids[i] == id then return first + i end
    end
  end
  if redis.call('LINDEX', ready, index) == id then
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
local ids = redis.call('LRANGE', ready, from, from + limit - #found - 1)
for i = 1, #ids do found[#found + 1] = ids[i] end
if #ids > 0 then place = string.format('r:%d:%s', from + #ids - 1, ids[#ids]) end
return pageOf(place, length - from - #ids)
