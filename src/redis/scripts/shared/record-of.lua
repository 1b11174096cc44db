-- A job's record: in a field of its own, or in the bundle of those that completed beside it (settle-and-reserve.lua), where
-- an entry is a zero byte, the last character of the id and the record.
local function recordOf(id)
  local record = redis.call('HGET', jobs, id)
  if record then return record end
  local bundle = redis.call('HGET', bundles, string.sub(id, 1, -2))
  local _, head = string.find(bundle or '', '\0' .. string.sub(id, -1) .. 'C', 1, true)
  return head and string.sub(bundle, head, (string.find(bundle, '\0', head, true) or 0) - 1)
end
