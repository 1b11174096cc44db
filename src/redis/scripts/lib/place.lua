-- include lib/traits
-- include lib/enter-lanes

-- Hook: jobs become ready, for whatever reason. No other part writes to `ready`, `priority` or `suspects`.
-- The ladder: a suspect runs alone, then priorities, then the list; jobs of groups wait in lanes of their own (lib/lanes). Marks of those who want a running job cancelled are the business of lib/leave.

-- Positions lie around 2^48 inside the 2^49 of their priority: the back counts up, the front counts down.
local function rank(q, ids, levels, where)
  local step = where == 'front' and -1 or 1
  local position = redis.call('HINCRBY', q.meta, where, step * #ids)
  if where == 'back' then position = position - #ids + 1 end
  local scores = {}
  for i = 1, #ids do
    scores[i * 2 - 1] = (RULES.highestPriority - levels[i]) * 562949953421312 + 281474976710656 + position + i - 1
    scores[i * 2] = ids[i]
  end
  use(q, 'p')
  redis.call('ZADD', q.priority, unpack(scores))
end

local function reversed(list)
  local turned = {}
  for i = #list, 1, -1 do turned[#turned + 1] = list[i] end
  return turned
end

-- Jobs in the order in which they shall run, at the 'front' or the 'back'. `levels` are their priorities by position, or
-- false, where the caller knows them. Needs q.maxCrashes where a job may have crashed.
local function place(q, ids, where, levels)
  if #ids == 0 then return end
  local texts = levels ~= false and has(q, 'g') and redis.call('HMGET', q.traits, unpack(ids))
  if levels == nil then levels = levelsOf(q, ids) end
  local crashed = q.maxCrashes and has(q, 'c') and redis.call('HMGET', q.crashes, unpack(ids))
  local plain, ranked, rankedLevels, suspected, grouped, groupedTexts = ids, {}, {}, {}, {}, {}
  if levels or crashed or texts then
    plain = {}
    for i = 1, #ids do
      local crashes = crashed and tonumber(crashed[i] or 0) or 0
      if crashes > 0 and crashes >= q.maxCrashes - 1 then
        suspected[#suspected + 1] = ids[i]
      elseif texts and traitOf(texts[i], 'g') then
        grouped[#grouped + 1] = ids[i]
        groupedTexts[#grouped] = texts[i]
      elseif levels and levels[i] > 0 then
        ranked[#ranked + 1] = ids[i]
        rankedLevels[#ranked] = levels[i]
      else
        plain[#plain + 1] = ids[i]
      end
    end
  end
  if #suspected > 0 then
    use(q, 'c')
    if where == 'front' then redis.call('LPUSH', q.suspects, unpack(reversed(suspected)))
    else redis.call('RPUSH', q.suspects, unpack(suspected)) end
  end
  if #grouped > 0 then placeInLanes(q, grouped, groupedTexts, where) end
  if #ranked > 0 then rank(q, ranked, rankedLevels, where) end
  if #plain > 0 then
    if where == 'front' then redis.call('LPUSH', q.ready, unpack(reversed(plain)))
    else redis.call('RPUSH', q.ready, unpack(plain)) end
  end
end

-- Jobs become ready at their due times: pairs of a time and an id. Returns whether one is due before all that were there: idle
-- workers sleep until the earliest time they know, and must be woken.
local function placeLater(q, dues)
  if #dues == 0 then return false end
  use(q, 's')
  local before = redis.call('ZRANGE', q.scheduled, 0, 0)[1]
  redis.call('ZADD', q.scheduled, unpack(dues))
  return redis.call('ZRANGE', q.scheduled, 0, 0)[1] ~= before
end
