-- include lib/record
-- include lib/features

-- What scripts must know of jobs.
local function nameOf(record)
  return string.match(string.match(envelopeOf(record), '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
end

local function userIdOf(record)
  return string.match(envelopeOf(record), '^1%w* ([^ {\n]+)')
end

-- The priorities of jobs, by position; nil where no job has one.
local function levelsOf(q, ids)
  if not has(q, 't') then return nil end
  local levels = redis.call('HMGET', q.levels, unpack(ids))
  for i = 1, #ids do levels[i] = tonumber(levels[i] or 0) or 0 end
  return levels
end
