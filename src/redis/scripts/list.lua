#!lua flags=allow-oom
-- Ids of one page of a state, and where the next page begins.
-- atomic because a page must come from one moment.
--
-- KEYS  1 ready LIST   2 priority ZSET   3 suspects LIST   4 scheduled ZSET   5 inflight HASH   6 parked ZSET
--       7 completed LIST   8 cancelled ZSET   9 dead ZSET
-- ARGV  1 state   2 cursor ('' = first page)   3 limit
-- returns { next cursor or '', ids }
local state, cursor, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}
-- include each-word

if state == 'active' then
  -- The page as HSCAN gives it, a few more or fewer than asked for: cut in two, a rehash between the halves would skip
  -- jobs. One that is met twice was in flight all the time.
  local scan = redis.call('HSCAN', KEYS[5], cursor ~= '' and cursor or '0', 'COUNT', limit)
  for i = 1, #scan[2], 2 do
    if scan[2][i] ~= '-' then found[#found + 1] = scan[2][i] end -- '-' keeps the hash a table
  end
  return { scan[1] == '0' and '' or scan[1], found }
end

if state == 'completed' then
  -- Newest element first, and inside of it the newest job first; the cursor counts elements and jobs that were given.
  local element, skip = string.match(cursor, '^(%d+):(%d+)$')
  element, skip = tonumber(element or 0), tonumber(skip or 0)
  while #found < limit do
    local text = redis.call('LINDEX', KEYS[7], -element - 1)
    if not text then return { '', found } end
    local numbers = {}
    eachWord(text, function(word, prefix, suffixes)
      if not prefix then numbers[#numbers + 1] = word end
      for suffix in string.gmatch(suffixes or '', '.') do numbers[#numbers + 1] = prefix .. suffix end
    end)
    for i = skip + 1, math.min(#numbers, skip + limit - #found) do
      found[#found + 1] = numbers[#numbers - i + 1]
      skip = i
    end
    if skip >= #numbers then
      element = element + 1
      skip = 0
    end
  end
  return { element < redis.call('LLEN', KEYS[7]) and element .. ':' .. skip or '', found }
end

local offset = tonumber(cursor ~= '' and cursor or 0)
local total = 0
-- One list after the other, as if they were one.
local function part(length, read)
  local from = offset - total
  if #found < limit and from < length then
    if from < 0 then from = 0 end
    local ids = read(from, math.min(length, from + limit - #found) - 1)
    for i = 1, #ids do found[#found + 1] = ids[i] end
  end
  total = total + length
end
local function sorted(key, command)
  part(redis.call('ZCARD', key), function(from, to) return redis.call(command, key, from, to) end)
end

if state == 'ready' then
  part(redis.call('LLEN', KEYS[3]), function(from, to) return redis.call('LRANGE', KEYS[3], from, to) end)
  sorted(KEYS[2], 'ZRANGE')
  part(redis.call('LLEN', KEYS[1]), function(from, to) return redis.call('LRANGE', KEYS[1], from, to) end)
elseif state == 'scheduled' then
  sorted(KEYS[4], 'ZRANGE')
elseif state == 'parked' then
  sorted(KEYS[6], 'ZRANGE')
  for i = 1, #found do found[i] = string.match(found[i], '([^ ]+)$') end -- a foreign name may hold spaces
elseif state == 'cancelled' then
  sorted(KEYS[8], 'ZREVRANGE')
elseif state == 'dead' then
  sorted(KEYS[9], 'ZREVRANGE')
end
local nextOffset = offset + #found
return { nextOffset < total and #found > 0 and tostring(nextOffset) or '', found }
