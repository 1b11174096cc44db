-- include lib/features
-- include lib/traits

-- Groups. The jobs of each wait in a lane of their own, and lanes take turns (turn/shares). The letter g of `features` says that there are
-- some. What is kept:
--   grouped  'key TAB spot id', all of score 0: the ready jobs of each group in the order in which they start. A spot is two digits, 00
--            of the job that an ordered group waits for, else 1 more than 9 less the priority, 15 digits of its place, and o where it
--            is ordered, else -; it is the trait l
--   flying   'key TAB id', all of score 0: the jobs of each group that run
--   lanes    key → 'tag entry' or 'tag entry holder gate mean owed starts', '-' for none. Tag: when its next job starts, in the virtual time that
--            `served` of `meta` tells. Entry: its number since it last joined the turns. Holder: the ordered job that is not finished.
--            Gate: ms before which none starts. Mean: ms that its jobs ran lately. Owed: what those that
--            run were charged when they started. Starts: as lib/window keeps them.
--            The lane '' is that of the jobs without a group, which wait in `ready` and `priority`
--   turns    'entry key' → tag: lanes whose next job may start
--   held     key → ms at which that may be so, or inf: all other lanes with ready jobs
--   rules    key → 'weight running limit per smooth paused', what a user decided about the group
-- `relook` of `meta` is where to go on through all lanes, after what holds for all of them has changed.

local function isOrderedSpot(spot)
  return string.byte(spot, -1) == 111
end

-- What a job has of its group, by its traits: { key, isOrdered, spot }, or false where it has none. One that was found in `grouped` has
-- its member instead of the spot.
local function groupFrom(text)
  if not text then return false end
  local key, spot = string.match(text, '^g([^\n]*)\nl([^\n]*)$') -- as most are: nothing else is known of the job
  if not key then
    key = string.match(text, '^g([^\n]*)') or string.match(text, '\ng([^\n]*)')
    if not key then return false end
    spot = string.match(text, '\nl([^\n]*)')
  end
  return { key = key, spot = spot, isOrdered = spot and isOrderedSpot(spot) or not spot and traitOf(text, 'o') ~= nil }
end

-- The same of several jobs, by position.
local function groupsOf(q, ids)
  q.groupOf = q.groupOf or {}
  local asked, list = {}, {}
  for i = 1, #ids do
    if q.groupOf[ids[i]] == nil then asked[#asked + 1] = ids[i] end
  end
  local texts = #asked > 0 and redis.call('HMGET', q.traits, unpack(asked)) or {}
  for i = 1, #asked do
    q.groupOf[asked[i]] = groupFrom(texts[i])
  end
  for i = 1, #ids do list[i] = q.groupOf[ids[i]] end
  return list
end

-- The range of a group in `grouped` and `flying`.
local function rangeOf(key)
  return '[' .. key .. '\t', '(' .. key .. '\n'
end

local function keyIn(member)
  return string.match(member, '^([^\t]*)\t')
end

-- The id in a member of `grouped`, of this group where the caller knows it: a spot has 18 characters.
local function readyIdIn(member, key)
  return string.sub(member, #(key or keyIn(member)) + 21)
end

local function flyingIdIn(member)
  return string.sub(member, #keyIn(member) + 2)
end

-- Whether the job of a member of `grouped` is ordered.
local function isOrderedIn(member, key)
  return string.byte(member, #key + 19) == 111
end

local function memberOf(group, id)
  return group.member or group.spot and group.key .. '\t' .. group.spot .. ' ' .. id
end

-- Whether a job is a ready one of a group.
local function isInLane(q, id)
  local group = groupsOf(q, { id })[1]
  local member = group and memberOf(group, id)
  return member and redis.call('ZSCORE', q.grouped, member) ~= false
end
