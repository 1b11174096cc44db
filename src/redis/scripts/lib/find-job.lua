-- The job that has the number, or else the one that a user's id names, and its record. Nobody chooses a number: an id that
-- looks like one takes no other job over. Needs `jobs` and `ids`.
local function findJob(given)
  local record = given ~= '-' and redis.call('HGET', jobs, given) -- '-' keeps the hash a table
  if record then return given, record end
  local id = redis.call('HGET', ids, given)
  record = id and redis.call('HGET', jobs, id)
  if record then return id, record end
  return given, false
end
