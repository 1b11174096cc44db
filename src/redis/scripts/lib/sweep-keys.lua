-- include lib/unique
-- include lib/record

-- Unique keys that nobody has any more: of windows that are over, and of jobs that were lost by hand or with a server. One step of at most
-- so many entries, from where the last one stopped. Returns whether more may be over.
local function sweepKeys(q, cursor, most)
  local page = redis.call('HSCAN', q.uniques, cursor or '0', 'COUNT', most)
  local gone, bytes = {}, 0
  for i = 1, #page[2], 2 do
    local id, _, rest = partsOf(page[2][i + 1])
    local isFree = windowOf(rest) and not isOpenWindow(q, rest)
    if not windowOf(rest) then
      bytes = bytes + redis.call('HSTRLEN', q.jobs, id)
      if bytes > RULES.mostLookedUp then break end -- the rest of the page comes with the next round
      local record = redis.call('HGET', q.jobs, id)
      isFree = not record or isEnded(record)
    end
    if isFree then gone[#gone + 1] = page[2][i] end
  end
  if #gone > 0 then redis.call('HDEL', q.uniques, unpack(gone)) end
  redis.call('HSET', q.meta, 'uniquesCursor', page[1])
  return #gone > 0 and page[1] ~= '0'
end
