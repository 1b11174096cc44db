-- include lib/lane-of
-- include lib/allowance

-- What lanes are, lib/lane-of tells.

local function runningIn(q, lane)
  if not lane.flying then lane.flying = redis.call('ZLEXCOUNT', q.flying, rangeOf(lane.key)) end
  return lane.flying
end

-- Its first ready job, as it lies in `grouped`.
local function firstReady(q, lane)
  local low, high = rangeOf(lane.key)
  return redis.call('ZRANGEBYLEX', q.grouped, low, high, 'LIMIT', 0, 1)[1]
end

local function laneFrom(q, key, text, ruleText)
  local tag, entry, holder, gate, mean, starts = string.match(text or '0 0 - 0 0 -', '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  local weight, running, limit, per, smooth, paused = string.match(ruleText or '', '^(%S+) (%S+) (%S+) (%S+) (%d) (%d)$')
  local limits = limitsOf(q)
  local common = key ~= '' and limits and limits.groups or {}
  local rate = tonumber(limit) and { limit = tonumber(limit), per = tonumber(per), isSmooth = smooth == '1' } or common
  return { key = key, tag = tonumber(tag), entry = tonumber(entry), holder = holder ~= '-' and holder or nil, gate = tonumber(gate),
    mean = tonumber(mean), weight = tonumber(weight) or 1, running = tonumber(running) or common.running, isPaused = paused == '1',
    byTime = limits and limits.groups and limits.groups.byTime or false,
    starts = starts, window = windowFrom(q, rate.limit, rate.per, rate.isSmooth, starts) }
end

-- The lanes of groups, by position; each is read once a call.
local function lanesOf(q, keys)
  q.lanesRead = q.lanesRead or {}
  local asked, list = {}, {}
  for i = 1, #keys do
    if not q.lanesRead[keys[i]] then
      asked[#asked + 1] = keys[i]
      q.lanesRead[keys[i]] = true
    end
  end
  if #asked > 0 then
    local texts, rules = redis.call('HMGET', q.lanes, unpack(asked)), redis.call('HMGET', q.rules, unpack(asked))
    for i = 1, #asked do q.lanesRead[asked[i]] = laneFrom(q, asked[i], texts[i], rules[i]) end
  end
  for i = 1, #keys do list[i] = q.lanesRead[keys[i]] end
  return list
end

local function writeLanes(q, lanes)
  if #lanes == 0 then return end
  local fields = {}
  for i = 1, #lanes do
    local lane = lanes[i]
    local starts = lane.window and windowText(lane.window) or lane.starts
    fields[i * 2 - 1] = lane.key
    fields[i * 2] = string.format('%.6f %.0f %s %.0f %.1f %s', lane.tag, lane.entry, lane.holder or '-', lane.gate, lane.mean,
      starts ~= '' and starts or '-')
  end
  redis.call('HSET', q.lanes, unpack(fields))
end

-- A holder that has ended, or was lost by hand, holds nothing.
local function holderOf(q, lane)
  if not lane.holder or lane.isHolderSeen then return lane.holder end
  local record = redis.call('HGET', q.jobs, lane.holder)
  if not record or isEnded(record) then lane.holder = nil end
  lane.isHolderSeen = true
  return lane.holder
end

-- Jobs of an ordered group that are not ordered themselves run beside its holder.
local function waitsForHolder(q, id)
  local group = groupsOf(q, { id })[1]
  return not group or group.isOrdered
end

-- By what a lane is held, where this ready job is the next; and, where time will tell, until which ms. Nil where it may start.
local function holdOf(q, lane, id)
  if lane.isPaused then return 'paused' end
  if lane.holder and lane.holder ~= id and waitsForHolder(q, id) and holderOf(q, lane) then return 'order' end
  if lane.running and runningIn(q, lane) >= lane.running then return 'concurrency' end
  if lane.gate > q.now then return 'gate', lane.gate end
  if not lane.window then return nil end
  local cost = costsOf(q, { id })[1]
  local left, opensAt = leftIn(q, lane.window, cost)
  if left < cost and not isAloneIn(q, lane.window, cost) then return 'rate', opensAt end
end
