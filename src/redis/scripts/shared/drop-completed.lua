-- include piece-at

-- Deletes the records that the oldest elements of `completed` name: those of a bundle lie in front of what stays. `forget` is
-- told of each, if there is one. Returns how many had been removed by hand, and how many of these had left a blank.
-- Needs `jobs` and `bundles`.
local function dropCompleted(elements, forget, hasBlanks)
  local own, prefixes, bundleOf, cutOf = {}, {}, {}, {}
  local blanks = 0
  for i = 1, #elements do
    eachWord(elements[i], function(word, prefix, suffixes, bytes)
      if not prefix then
        own[#own + 1] = word
        return
      end
      if not bundleOf[prefix] then
        prefixes[#prefixes + 1] = prefix
        bundleOf[prefix], cutOf[prefix] = redis.call('HGET', bundles, prefix) or '', 0
      end
      local piece = pieceAt(bundleOf[prefix], cutOf[prefix], suffixes, bytes)
      cutOf[prefix] = cutOf[prefix] + #piece
      if not forget and not hasBlanks then return end
      eachEntry(piece, function(suffix, record)
        if suffix == ' ' then blanks = blanks + 1 elseif forget then forget(prefix .. suffix, record) end
      end)
    end)
  end
  local spent = {}
  for i = 1, #prefixes do
    local bundle, cut = bundleOf[prefixes[i]], cutOf[prefixes[i]]
    if cut == #bundle then
      spent[#spent + 1] = prefixes[i]
    elseif cut > 0 then
      redis.call('HSET', bundles, prefixes[i], string.sub(bundle, cut + 1))
    end
  end
  if #spent > 0 then redis.call('HDEL', bundles, unpack(spent)) end
  if #own == 0 then return blanks, blanks end
  if forget then
    local records = redis.call('HMGET', jobs, unpack(own))
    for i = 1, #own do
      if records[i] then forget(own[i], records[i]) end
    end
  end
  return blanks + #own - redis.call('HDEL', jobs, unpack(own)), blanks
end
