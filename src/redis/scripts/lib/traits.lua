-- include lib/record
-- include lib/features

-- What scripts must know of a job lies in `traits`, as long as its record does: lines of a letter and a value. p priority 1 to 9,
-- u user id, q unique key behind the job's name, r (without a value) the key is free while the job runs, n name of a job that was parked,
-- c what it costs of a rate, g its group, o (without a value) its group is ordered, l its place in the group. Lines of other letters are kept as they are. No script looks into an envelope's header. An enqueue may
-- bring a line m, which is not stored: what becomes of the job that has the unique key (lib/conflict).

-- The value of a trait, nil where the job has none.
local function traitOf(text, letter)
  if not text or text == '' then return nil end
  if string.sub(text, 1, 1) == letter then return string.match(text, '^.([^\n]*)') end
  return string.match(text, '\n' .. letter .. '([^\n]*)')
end

-- All of them, by their letters: for scripts that ask for several.
local NONE = {}
local function traitsOf(text)
  if text == '' then return NONE end
  local traits = {}
  if not string.find(text, '\n', 1, true) then
    traits[string.sub(text, 1, 1)] = string.sub(text, 2)
    return traits
  end
  for letter, value in string.gmatch(text, '([^\n])([^\n]*)') do traits[letter] = traits[letter] or value end
  return traits
end

-- The text with a trait that replaces the one of its letter, or without it.
local function withTrait(text, letter, value)
  local lines = {}
  for line in string.gmatch(text or '', '[^\n]+') do
    if string.sub(line, 1, 1) ~= letter then lines[#lines + 1] = line end
  end
  if value then lines[#lines + 1] = letter .. value end
  return table.concat(lines, '\n')
end

-- The priorities of jobs, by position; nil where no job has one.
local function levelsOf(q, ids)
  if not has(q, 't') then return nil end
  local levels = redis.call('HMGET', q.traits, unpack(ids))
  for i = 1, #ids do levels[i] = tonumber(traitOf(levels[i], 'p') or 0) or 0 end
  return levels
end

-- The member of `parked` that stands for a job; nil where it was never parked.
local function parkedMemberOf(q, id)
  local name = traitOf(redis.call('HGET', q.traits, id), 'n')
  return name and name .. ' ' .. id
end

local function isParked(q, id)
  if not has(q, 'k') then return false end
  local member = parkedMemberOf(q, id)
  return member ~= nil and redis.call('ZSCORE', q.parked, member) ~= false
end
