-- include lib/each-word

-- Visits a list in pages.
local function eachOf(key, visit)
  for from = 0, redis.call('LLEN', key), 500 do
    local page = redis.call('LRANGE', key, from, from + 499)
    for i = 1, #page do visit(page[i]) end
  end
end

-- Jobs that elements of `completed` name, as a set, and the bytes of these elements.
local function readCompleted(q)
  local listed, bytes = {}, 0
  eachOf(q.completed, function(element)
    bytes = bytes + tonumber(string.match(element, '^%d+ (%d+)'))
    eachWord(element, function(id) listed[id] = true end)
  end)
  return listed, bytes
end
