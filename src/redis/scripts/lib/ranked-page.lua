-- include lib/rank-of

-- Pages of a sorted set, each behind a place, `score:member`; '' or nil begins. They return members and scores in turns, the place of
-- the last (nil on an empty page), and how many follow.
local function placeOfLast(pairs)
  return #pairs > 0 and pairs[#pairs] .. ':' .. pairs[#pairs - 1] or nil
end

-- Lowest score first.
local function pageAscending(store, place, limit)
  local from = 0
  local score, member = string.match(place or '', '^([^:]+):(.+)$')
  if score then
    local before, taken = rankOf(store, score, member)
    from = before + taken
  end
  local pairs = redis.call('ZRANGE', store, from, from + limit - 1, 'WITHSCORES')
  return pairs, placeOfLast(pairs), redis.call('ZCARD', store) - from - #pairs / 2
end

-- Highest score first.
local function pageDescending(store, place, limit)
  local size = redis.call('ZCARD', store)
  local score, member = string.match(place or '', '^([^:]+):(.+)$')
  local left = score and rankOf(store, score, member) or size
  if left == 0 then return {}, nil, 0 end
  local pairs = redis.call('ZREVRANGE', store, size - left, size - left + limit - 1, 'WITHSCORES')
  return pairs, placeOfLast(pairs), left - #pairs / 2
end

-- The same without scores, which cost more to read than members: members alone, the place of the last, and how many follow.
local function membersDescending(store, place, limit)
  local size = redis.call('ZCARD', store)
  local score, member = string.match(place or '', '^([^:]+):(.+)$')
  local left = score and rankOf(store, score, member) or size
  if left == 0 then return {}, nil, 0 end
  local members = redis.call('ZREVRANGE', store, size - left, size - left + limit - 1)
  local last = members[#members]
  return members, redis.call('ZSCORE', store, last) .. ':' .. last, left - #members
end
