-- include record-of

-- The job that a user's id names, or else the one that has the number, and its record. Needs `ids`, too.
local function findJob(given)
  local id = redis.call('HGET', ids, given)
  local record = id and recordOf(id)
  if record then return id, record end
  return given, given ~= '-' and recordOf(given) -- '-' keeps the hash a table
end
