-- include lib/record
-- include lib/features

-- What is kept of a job takes the bytes of its text, also where its payload lies apart: a newline belongs before that.
local function sizeApart(q, id)
  local size = redis.call('HSTRLEN', q.payloads, id)
  return size > 0 and size + 1 or 0
end

local function sizeOf(q, id, record)
  return #record + (isApart(record) and sizeApart(q, id) or 0)
end

-- The same of what is stored, 0 where nothing is.
local function storedSize(q, id)
  return redis.call('HSTRLEN', q.jobs, id) + (has(q, 'b') and sizeApart(q, id) or 0)
end

-- Of pairs of an id and a record.
local function sizesOf(q, pairs)
  local bytes, mayLieApart = 0, has(q, 'b')
  for i = 2, #pairs, 2 do bytes = bytes + (mayLieApart and sizeOf(q, pairs[i - 1], pairs[i]) or #pairs[i]) end
  return bytes
end
