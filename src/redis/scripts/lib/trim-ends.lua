-- include lib/end-job

-- Deletes the oldest cancelled or dead jobs over the limits, no more than so many. Returns how many.
local function trimEnds(q, state, keep, most)
  local store, counter = q[state], state .. 'Bytes'
  local bytes, size, trimmed = tonumber(redis.call('HGET', q.meta, counter) or 0), redis.call('ZCARD', store), 0
  while trimmed < most do
    local page = redis.call('ZRANGE', store, 0, math.min(most - trimmed, 50) - 1, 'WITHSCORES')
    local gone, freed = {}, 0
    for i = 1, #page, 2 do
      local isOld = keep.age and q.now - tonumber(page[i + 1]) > keep.age
      if size <= keep.count and bytes <= keep.bytes and not isOld then break end
      local length = storedSize(q, page[i])
      gone[#gone + 1] = page[i]
      size, bytes, freed = size - 1, bytes - length, freed + length
    end
    if #gone == 0 then break end
    deleteJobs(q, gone, true)
    redis.call('ZREM', store, unpack(gone))
    if freed > 0 then redis.call('HINCRBY', q.meta, counter, -freed) end
    trimmed = trimmed + #gone
  end
  return trimmed
end
