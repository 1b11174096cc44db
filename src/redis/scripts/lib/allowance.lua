-- include lib/features
-- include lib/traits
-- include lib/window

-- What the limits of a queue let start. They lie in three fields of `meta`, and the letter r of `features` says that there are some:
--   limits  'running limit per smooth': jobs that may run at once in the cluster; starts in any `per` ms; 1 spaced evenly | 0.
--           A part that is not limited is '-'. Behind ' | ' the same of each of its groups, and 1 where they share time | 0
--   starts  what was started, as lib/window keeps it
--   gate    ms before which nothing starts: a handler met a limit that is not ours
-- And one: `gatekeeper`, 'worker ms', is the worker that looks again when a rate permits the next start, and when.

local PART = '(%S+) (%S+) (%S+) (%d)'

-- The limits of the queue, read once a call; false where it has none.
local function limitsOf(q)
  if q.limits ~= nil then return q.limits end
  q.limits = false
  if not has(q, 'r') then return false end
  local state = redis.call('HMGET', q.meta, 'limits', 'starts', 'gate')
  local running, limit, per, smooth = string.match(state[1] or '', '^' .. PART)
  local limits = { running = tonumber(running), gate = tonumber(state[3] or 0),
    window = windowFrom(q, tonumber(limit), tonumber(per), smooth == '1', state[2]) }
  local groupRunning, groupLimit, groupPer, groupSmooth, byTime = string.match(state[1] or '', '| ' .. PART .. ' (%d)')
  limits.groups = byTime and { running = tonumber(groupRunning), limit = tonumber(groupLimit), per = tonumber(groupPer),
    isSmooth = groupSmooth == '1', byTime = byTime == '1' }
  q.limits = limits
  return limits
end

-- Whether a job may start that costs more than the rate of the queue has left.
local function startsAlone(q, cost)
  local limits = limitsOf(q)
  return limits and limits.window and isAloneIn(q, limits.window, cost) or false
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
  if not limits.window then return free, math.huge end
  local left, opensAt = leftIn(q, limits.window, needed or 1)
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
  if not limits or not limits.window or cost == 0 then return end
  addTo(q, limits.window, cost)
  redis.call('HSET', q.meta, 'starts', windowText(limits.window))
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
