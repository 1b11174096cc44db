-- include lib/features
-- include lib/traits

-- What the limits of a queue let start. They lie in three fields of `meta`, and the letter r of `features` says that there are some:
--   limits  'running limit per smooth': jobs that may run at once in the cluster; starts in any `per` ms; 1 spaced evenly | 0.
--           A part that is not limited is '-'
--   starts  of what was started, cost by slot of time: 'slot:cost,…'. A start counts until its slot has left the window whole: never
--           too many, one in a hundred too few; of a smooth rate the ms from which on the next may start
--   gate    ms before which nothing starts: a handler met a limit that is not ours
-- And one: `gatekeeper`, 'worker ms', is the worker that looks again when a rate permits the next start, and when.

-- The limits of the queue, read once a call; false where it has none.
local function limitsOf(q)
  if q.limits ~= nil then return q.limits end
  q.limits = false
  if not has(q, 'r') then return false end
  local state = redis.call('HMGET', q.meta, 'limits', 'starts', 'gate')
  local running, limit, per, smooth = string.match(state[1] or '- - - 0', '^(%S+) (%S+) (%S+) (%d)$')
  local limits = { running = tonumber(running), limit = tonumber(limit), per = tonumber(per), smooth = smooth == '1',
    gate = tonumber(state[3] or 0), slots = {}, next = 0 }
  if limits.limit and limits.smooth then
    limits.next = tonumber(string.match(state[2] or '', '^[%d.]+$') or 0)
  elseif limits.limit then
    local count = math.min(RULES.windowSlots, limits.per)
    limits.width = limits.per / count
    local first = math.floor(q.now / limits.width) - count
    limits.count = count
    for slot, cost in string.gmatch(state[2] or '', '(%d+):(%d+)') do
      -- A clock that was set back has left slots in the future: they count as of now.
      slot = math.min(tonumber(slot), first + count)
      if slot >= first then limits.slots[#limits.slots + 1] = { slot, tonumber(cost) } end
    end
  end
  q.limits = limits
  return limits
end

-- From which ms on a smooth rate lets the next job start, and how long it waits for the one behind. A start that comes late, by up to
-- a hundredth of the window, takes nothing from the next one; so each counts for that much longer.
local function smoothly(q, limits)
  local slack = limits.per / RULES.windowSlots
  return math.max(limits.next, q.now - slack), (limits.per + slack) / limits.limit
end

-- What the rate has left for jobs that start now; where that is less than `needed`, from which ms on it has as much.
local function rateLeft(q, limits, needed)
  if not limits.limit then return math.huge end
  if limits.smooth then
    local from, each = smoothly(q, limits)
    return math.max(math.ceil((q.now + 1 - from) / each), 0), math.floor(limits.next)
  end
  local left = limits.limit
  for i = 1, #limits.slots do left = left - limits.slots[i][2] end
  local freed, opensAt = left, q.now
  for i = 1, #limits.slots do
    if freed >= math.min(needed, limits.limit) then break end
    freed = freed + limits.slots[i][2]
    opensAt = math.ceil((limits.slots[i][1] + limits.count + 1) * limits.width)
  end
  return left, opensAt
end

-- Whether a job may start that costs more than is left: the only one of its moment in a smooth rate, else one that costs more than
-- the rate ever has, in an empty window.
local function startsAlone(q, cost)
  local limits = limitsOf(q)
  if not limits or not limits.limit then return false end
  if limits.smooth then return limits.next < q.now + 1 end
  return cost > limits.limit and #limits.slots == 0
end

-- How many jobs may start now, and how much they may cost together. Where none may that costs `needed`, 1 by default, also from
-- which ms on one may; nil where only the end of another job can tell.
local function allowance(q, needed)
  local limits = limitsOf(q)
  if not limits then return math.huge, math.huge end
  if limits.gate > q.now then return 0, 0, limits.gate end
  local free = math.huge
  if limits.running then
    local running = redis.call('HLEN', q.inflight) - redis.call('HEXISTS', q.inflight, '-') -- '-' keeps the hash a table
    free = limits.running - running
    if free <= 0 then return 0, 0 end
  end
  local left, opensAt = rateLeft(q, limits, needed or 1)
  if left < (needed or 1) and not startsAlone(q, needed or 1) then return 0, math.max(left, 0), opensAt end
  return free, left
end

-- What each of these jobs costs: its trait, or 1.
local function costsOf(q, ids)
  local costs = redis.call('HMGET', q.traits, unpack(ids))
  for i = 1, #ids do costs[i] = tonumber(traitOf(costs[i], 'c') or 1) end
  return costs
end

-- Jobs of this cost start.
local function charge(q, cost)
  local limits = limitsOf(q)
  if not limits or not limits.limit or cost == 0 then return end
  local text
  if limits.smooth then
    local from, each = smoothly(q, limits)
    limits.next = from + cost * each
    text = string.format('%.3f', limits.next)
  else
    local slot, list, parts = math.floor(q.now / limits.width), limits.slots, {}
    if #list > 0 and list[#list][1] >= slot then list[#list][2] = list[#list][2] + cost else list[#list + 1] = { slot, cost } end
    for i = 1, #list do parts[i] = string.format('%.0f:%.0f', list[i][1], list[i][2]) end
    text = table.concat(parts, ',')
  end
  redis.call('HSET', q.meta, 'starts', text)
end

-- Whether a worker, and not the one that asks, will look again when something may start: its moment is still to come, and is no later.
-- A keeper that has looked is none any more, whatever it found.
local function isGateKept(q, opensAt, worker)
  local keeper, at = string.match(redis.call('HGET', q.meta, 'gatekeeper') or '', '^(.*) (%d+)$')
  return keeper and keeper ~= worker and tonumber(at) > q.now and tonumber(at) <= opensAt
end

-- Whether a worker should hear of jobs that became ready: one may start, or nobody knows yet when the rate permits the next.
local function isWorthAWake(q)
  if not has(q, 'r') then return true end
  local free, _, opensAt = allowance(q)
  if free > 0 then return true end
  if not opensAt then return false end
  return not isGateKept(q, opensAt)
end
