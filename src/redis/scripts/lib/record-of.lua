-- A job's record: in a field of its own, or in the bundle of those that completed beside it (settle-and-reserve.lua), where
-- an entry is a zero byte, the last character of the id and the record. Needs `jobs` and `bundles`. Neighbours are often asked
-- for in a row: the last bundle is kept.
local bundle, bundlePrefix = '', nil
local function recordOf(id)
  local record = redis.call('HGET', jobs, id)
  if record then return record end
  local prefix = string.sub(id, 1, -2)
  if prefix ~= bundlePrefix then bundle, bundlePrefix = redis.call('HGET', bundles, prefix) or '', prefix end
  local _, head = string.find(bundle, '\0' .. string.sub(id, -1) .. 'C', 1, true)
  return head and string.sub(bundle, head, (string.find(bundle, '\0', head, true) or 0) - 1)
end
