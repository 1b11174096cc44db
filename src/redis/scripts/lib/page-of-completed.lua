-- include lib/each-word

-- A page of completed jobs, newest element first, and inside of it the newest job first.
local function pageOfCompleted(q, cursor, limit)
  local found = {}
  local function numbersOf(element)
    local numbers = {}
    eachWord(element, function(id) numbers[#numbers + 1] = id end)
    return numbers
  end
  local function instantOf(element) return tonumber(string.match(element, '^%d+')) end
  local size = redis.call('LLEN', q.completed)

  -- The element that names the job, counted from the newest, and how many of its jobs are older; else where older ends begin.
  local function placeOf(newer, at, id)
    local function look(element, text)
      if instantOf(text) ~= at then return nil end
      local numbers = numbersOf(text)
      for i = 1, #numbers do
        if numbers[i] == id then return element, i - 1 end
      end
    end
    -- It moved as far as others ended since.
    for first = newer, newer + 450, 50 do
      local texts = redis.call('LRANGE', q.completed, -first - 50, -first - 1)
      for i = #texts, 1, -1 do
        local element, older = look(first + #texts - i, texts[i])
        if element then return element, older end
      end
      if #texts < 50 then break end
    end
    local low, high = 0, size
    while low < high do
      local middle = math.floor((low + high) / 2)
      if instantOf(redis.call('LINDEX', q.completed, -middle - 1)) > at then low = middle + 1 else high = middle end
    end
    for element = low, low + 199 do
      local text = redis.call('LINDEX', q.completed, -element - 1)
      if not text or instantOf(text) < at then return element end
      local hit, older = look(element, text)
      if hit then return hit, older end
    end
    return low
  end

  local element, older = 0, nil
  if cursor ~= '' then
    local newer, at, id = string.match(cursor, '^(%d+):(%d+):(.+)$')
    element, older = placeOf(tonumber(newer), tonumber(at), id)
    if older == 0 then element, older = element + 1, nil end
  end
  local place
  while #found < limit and element < size do
    local text = redis.call('LINDEX', q.completed, -element - 1)
    local numbers = numbersOf(text)
    local from = older or #numbers
    local to = math.max(from - (limit - #found) + 1, 1)
    for i = from, to, -1 do found[#found + 1] = numbers[i] end
    if from > 0 then place = string.format('%d:%.0f:%s', element, instantOf(text), found[#found]) end
    older = to - 1
    if older <= 0 then element, older = element + 1, nil end
  end
  return { element < size and place or '', found }
end
