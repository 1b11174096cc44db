-- include lib/piece-at

-- Deletes the records that the oldest elements of `completed` name: those of a bundle lie in front of what stays. `forget` is
-- told of each, if there is one. Returns how many had been removed by hand, and how many of these had left a blank.
-- Needs `jobs` and `bundles`.
local function dropCompleted(elements, forget, hasBlanks)
  local own, prefixes, piecesOf, bytesOf = {}, {}, {}, {}
  local function note(word, prefix, suffixes, bytes)
    if not prefix then
      own[#own + 1] = word
    elseif piecesOf[prefix] then
      local pieces = piecesOf[prefix]
      pieces[#pieces + 1] = suffixes
      pieces[#pieces + 1] = bytes
      bytesOf[prefix] = bytesOf[prefix] + bytes
    else
      prefixes[#prefixes + 1] = prefix
      piecesOf[prefix], bytesOf[prefix] = { suffixes, bytes }, bytes
    end
  end
  for i = 1, #elements do eachWord(elements[i], note) end

  local blanks, spent = 0, {}
  for i = 1, #prefixes do
    local prefix = prefixes[i]
    -- Most go as a whole, unread.
    if not forget and not hasBlanks and redis.call('HSTRLEN', bundles, prefix) == bytesOf[prefix] then
      spent[#spent + 1] = prefix
    else
      local bundle, cut, pieces = redis.call('HGET', bundles, prefix) or '', 0, piecesOf[prefix]
      for j = 1, #pieces, 2 do
        local from, to = pieceAt(bundle, cut, pieces[j], pieces[j + 1])
        cut = to
        if forget or hasBlanks then
          eachEntry(string.sub(bundle, from, to), function(suffix, record)
            if suffix == ' ' then blanks = blanks + 1 elseif forget then forget(prefix .. suffix, record) end
          end)
        end
      end
      if cut == #bundle then
        spent[#spent + 1] = prefix
      elseif cut > 0 then
        redis.call('HSET', bundles, prefix, string.sub(bundle, cut + 1))
      end
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
