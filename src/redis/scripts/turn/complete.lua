-- include lib/leave
-- include lib/end-job

local function pick(list, positions)
  local picked = {}
  for i = 1, #positions do picked[i] = list[positions[i]] end
  return picked
end

local function pickPairs(pairs, positions)
  local picked = {}
  for i = 1, #positions do
    picked[i * 2 - 1] = pairs[positions[i] * 2 - 1]
    picked[i * 2] = pairs[positions[i] * 2]
  end
  return picked
end

-- The tokens of a section: one that all share, or a list by position, from a text where ',' is between them.
local function tokensOf(text)
  if not string.find(text, ',', 1, true) then return text end
  local tokens = {}
  for token in string.gmatch(text, '[^,]+') do tokens[#tokens + 1] = token end
  return tokens
end

-- Sections C and K, from an argument on. Returns where the next one begins. Of all jobs that completed, as many may stay as the
-- strictest rule of the turn allows.
local function complete(q, turn, op, count, at)
  local keepCount, keepBytes, tokens = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tokensOf(ARGV[at + 2])
  local records, ids = { unpack(ARGV, at + 3, at + 2 + count * 2) }, {}
  for i = 1, count do ids[i] = records[i * 2 - 1] end
  local left = leave(q, ids, tokens)
  if left then ids, records = pick(ids, left), pickPairs(records, left) end
  if #ids > 0 then
    local isKept = keepCount >= 0
    if op == 'K' and isKept then
      local envelopes = redis.call('HMGET', q.jobs, unpack(ids))
      for i = 1, #ids do records[i * 2] = records[i * 2] .. '\n' .. (envelopes[i] or '1\nnull') end
    end
    local bytes = completeJobs(q, ids, records, isKept)
    if isKept then
      turn.completedCount, turn.completedBytes = turn.completedCount + #ids, turn.completedBytes + bytes
      turn.added, turn.isDirty = turn.added + #ids, true
      turn.maxCompleted, turn.maxBytes = math.min(turn.maxCompleted, keepCount), math.min(turn.maxBytes, keepBytes)
    end
  end
  return at + 3 + count * 2
end
