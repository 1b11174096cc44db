-- include lib/ranked-page

-- Ready jobs behind a place, the newest first: the list from its tail, then priorities from their end, then those of groups, the last
-- group first, then the few suspects by their ids. Places: `r:jobs that stood behind it:id`, `p` or `p:score:id`, `g` or `g:score:member`,
-- `s` or `s:id`. Returns ids and the next place, nil at the end.

-- How many stand at the tail, down to this job. What was added since stands behind it, too. A worker that has taken the job has taken
-- all that are older: false. A long way is searched in several calls: nil, and where to go on.
local function depthOf(q, behind, id)
  if redis.call('LINDEX', q.ready, -behind - 1) == id then return behind + 1 end
  local from = math.max(behind - 1000, 0) -- a repair may have taken some away
  for window = 1, 9 do
    local ids = redis.call('LRANGE', q.ready, -from - 1000, -from - 1)
    for i = #ids, 1, -1 do
      if ids[i] == id then return from + #ids - i + 1 end
    end
    if #ids < 1000 then return false end
    from = from + 1000
  end
  return nil, from
end

local function newestReady(q, place, limit)
  local ids = {}
  local part, rest = string.match(place, '^(%a):?(.*)$')
  if not part or part == 'r' then
    local depth = 0
    if part then
      local behind, id = string.match(rest, '^(%d+):(.+)$')
      local found, goOnAt = depthOf(q, tonumber(behind), id)
      if found == nil then return ids, string.format('r:%d:%s', goOnAt, id) end
      depth = found
    end
    if depth then
      local page = redis.call('LRANGE', q.ready, -depth - limit, -depth - 1)
      for i = #page, 1, -1 do ids[#ids + 1] = page[i] end
      if #page == limit then return ids, string.format('r:%d:%s', depth + limit - 1, page[1]) end
    end
    return ids, 'p'
  end
  if part == 'p' then
    local last, left
    ids, last, left = membersDescending(q.priority, rest, limit)
    return ids, left > 0 and 'p:' .. last or 'g'
  end
  if part == 'g' then
    local members, last, left = membersDescending(q.grouped, rest, limit)
    for i = 1, #members do ids[#ids + 1] = string.match(members[i], '([^ \t]+)$') end
    return ids, left > 0 and 'g:' .. last or 's'
  end
  -- One that leaves its list leaves no trace of where it was. Of more than a thousand those at the front are shown.
  local waiting = redis.call('LRANGE', q.suspects, 0, 999)
  table.sort(waiting)
  for i = 1, #waiting do
    if waiting[i] > rest then
      if #ids == limit then return ids, 's:' .. ids[limit] end
      ids[#ids + 1] = waiting[i]
    end
  end
  return ids, nil
end
