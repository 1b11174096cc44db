-- What a rate has started, as a text: cost by slot of time, 'slot:cost,…'. A start counts until its slot has left the window whole:
-- never too many, one in a hundred too few. Of a smooth rate it is the ms from which on the next may start.

-- The window of a rate: at most `limit` in any `per` ms; nil where there is no limit.
local function windowFrom(q, limit, per, isSmooth, text)
  if not limit then return nil end
  local window = { limit = limit, per = per, isSmooth = isSmooth, slots = {}, next = 0 }
  if isSmooth then
    window.next = tonumber(string.match(text or '', '^[%d.]+$') or 0)
    return window
  end
  local count = math.min(RULES.windowSlots, per)
  window.width, window.count = per / count, count
  local first = math.floor(q.now / window.width) - count
  for slot, cost in string.gmatch(text or '', '(%d+):(%d+)') do
    -- A clock that was set back has left slots in the future: they count as of now.
    slot = math.min(tonumber(slot), first + count)
    if slot >= first then window.slots[#window.slots + 1] = { slot, tonumber(cost) } end
  end
  return window
end

-- From which ms on a smooth rate lets the next job start, and how long it waits for the one behind. A start that comes late, by up to
-- a hundredth of the window, takes nothing from the next one; so each counts for that much longer.
local function smoothly(q, window)
  local slack = window.per / RULES.windowSlots
  return math.max(window.next, q.now - slack), (window.per + slack) / window.limit
end

-- What the rate has left for jobs that start now; where that is less than `needed`, from which ms on it has as much.
local function leftIn(q, window, needed)
  if window.isSmooth then
    local from, each = smoothly(q, window)
    return math.max(math.ceil((q.now + 1 - from) / each), 0), math.floor(window.next)
  end
  local left = window.limit
  for i = 1, #window.slots do left = left - window.slots[i][2] end
  local freed, opensAt = left, q.now
  for i = 1, #window.slots do
    if freed >= math.min(needed, window.limit) then break end
    freed = freed + window.slots[i][2]
    opensAt = math.ceil((window.slots[i][1] + window.count + 1) * window.width)
  end
  return left, opensAt
end

-- Whether a job may start that costs more than is left: the only one of its moment in a smooth rate, else one that costs more than
-- the rate ever has, in an empty window.
local function isAloneIn(q, window, cost)
  if window.isSmooth then return window.next < q.now + 1 end
  return cost > window.limit and #window.slots == 0
end

-- Jobs of this cost start.
local function addTo(q, window, cost)
  if window.isSmooth then
    local from, each = smoothly(q, window)
    window.next = from + cost * each
    return
  end
  local slot, list = math.floor(q.now / window.width), window.slots
  if #list > 0 and list[#list][1] >= slot then list[#list][2] = list[#list][2] + cost else list[#list + 1] = { slot, cost } end
end

local function windowText(window)
  if window.isSmooth then return string.format('%.3f', window.next) end
  local parts = {}
  for i = 1, #window.slots do parts[i] = string.format('%.0f:%.0f', window.slots[i][1], window.slots[i][2]) end
  return table.concat(parts, ',')
end
