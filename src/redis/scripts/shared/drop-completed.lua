-- include each-entry

-- Deletes what the first elements of `completed` tell of: in its bundle, a record of theirs comes before all that stay.
-- `forget` is told of each record, if there is one. Returns how many records had been removed by hand, and how many of these
-- had left a blank in a bundle.
local function dropCompleted(elements, count, forget, hasBlanks)
  local own, prefixes, lengths = {}, {}, {}
  for i = 1, count do
    local from = string.match(elements[i], '^%d+ %d+ %d+()')
    for word in string.gmatch(string.sub(elements[i], from), '[^ ]+') do
      local prefix, length
      if string.byte(word) == 58 then prefix, length = string.match(word, '^:(.*):%w+:(%d+)$') end
      if not prefix then
        own[#own + 1] = word
      else
        if not lengths[prefix] then prefixes[#prefixes + 1] = prefix end
        lengths[prefix] = (lengths[prefix] or 0) + tonumber(length)
      end
    end
  end
  local blanks, missing, spent = 0, 0, {}
  for i = 1, #prefixes do
    local prefix, length = prefixes[i], lengths[prefixes[i]]
    if forget or hasBlanks then
      local bundle = redis.call('HGET', bundles, prefix) or ''
      eachEntry(string.sub(bundle, 1, length), function(last, record)
        if last == ' ' then blanks = blanks + 1 elseif forget then forget(prefix .. last, record) end
      end)
    end
    if redis.call('HSTRLEN', bundles, prefix) <= length then
      spent[#spent + 1] = prefix
    else
      redis.call('HSET', bundles, prefix, string.sub(redis.call('HGET', bundles, prefix), length + 1))
    end
  end
  if #spent > 0 then redis.call('HDEL', bundles, unpack(spent)) end
  if #own > 0 then
    if forget then
      local records = redis.call('HMGET', jobs, unpack(own))
      for i = 1, #own do
        if records[i] then forget(own[i], records[i]) end
      end
    end
    missing = #own - redis.call('HDEL', jobs, unpack(own))
  end
  return missing + blanks, blanks
end
