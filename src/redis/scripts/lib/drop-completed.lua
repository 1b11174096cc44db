-- include lib/each-word

-- Deletes the records that the oldest elements of `completed` name. `forget` is told of each, if there is one. Returns how many
-- had been removed by hand. Needs `jobs`.
local function dropCompleted(elements, forget)
  local named = {}
  for i = 1, #elements do eachWord(elements[i], function(id) named[#named + 1] = id end) end
  if #named == 0 then return 0 end
  if forget then
    local records = redis.call('HMGET', jobs, unpack(named))
    for i = 1, #named do
      if records[i] then forget(named[i], records[i]) end
    end
  end
  return #named - redis.call('HDEL', jobs, unpack(named))
end
