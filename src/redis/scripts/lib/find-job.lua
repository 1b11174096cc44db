-- The job that has the number, or else the one that a user's id names, and its record. Nobody chooses a number: an id that
-- looks like one takes no other job over.
local function findJob(q, given)
  local record = given ~= '-' and redis.call('HGET', q.jobs, given) -- '-' keeps the hash a table
  if record then return given, record end
  local id = redis.call('HGET', q.ids, given)
  record = id and redis.call('HGET', q.jobs, id)
  if record then return id, record end
  return given, false
end
