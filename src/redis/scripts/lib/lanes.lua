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
  local tag, entry, rest = 0, 0, ''
  if text then tag, entry, rest = string.match(text, '^(%S+) (%S+)(.*)$') end
  local lane = { key = key, tag = tonumber(tag), entry = tonumber(entry), gate = 0, mean = 0, owed = 0, starts = '', weight = 1,
    isTouched = false, isRead = false, picked = 0, byTime = false, turn = false, head = nil, page = nil, flying = nil }
  if rest ~= '' then
    local holder, gate, mean, owed, starts = string.match(rest, '^ (%S+) (%S+) (%S+) (%S+) (%S+)$')
    lane.holder, lane.gate, lane.mean, lane.owed = holder ~= '-' and holder or nil, tonumber(gate), tonumber(mean), tonumber(owed)
    lane.starts = starts
  end
  local limits = limitsOf(q)
  local common = limits and limits.groups
  lane.byTime = common and common.byTime
  local rate = key ~= '' and common
  if rate then lane.running = rate.running end
  if ruleText then
    local weight, running, limit, per, smooth, paused = string.match(ruleText, '^(%S+) (%S+) (%S+) (%S+) (%d) (%d)$')
    lane.weight, lane.running, lane.isPaused = tonumber(weight) or 1, tonumber(running) or lane.running, paused == '1'
    if tonumber(limit) then rate = { limit = tonumber(limit), per = tonumber(per), isSmooth = smooth == '1' } end
  end
  if rate then lane.window = windowFrom(q, rate.limit, rate.per, rate.isSmooth, lane.starts) end
  return lane
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
    if q.hasRules == nil then q.hasRules = redis.call('EXISTS', q.rules) == 1 end
    local texts, rules = redis.call('HMGET', q.lanes, unpack(asked)), q.hasRules and redis.call('HMGET', q.rules, unpack(asked)) or {}
    for i = 1, #asked do q.lanesRead[asked[i]] = laneFrom(q, asked[i], texts[i], rules[i]) end
  end
  for i = 1, #keys do list[i] = q.lanesRead[keys[i]] end
  return list
end

local function laneOf(q, key)
  local lane = q.lanesRead and q.lanesRead[key]
  return lane or lanesOf(q, { key })[1]
end

-- Whether its next job may start, whichever that is.
local function isFree(q, lane)
  return not (lane.isPaused or lane.holder or lane.running or lane.window or lane.gate > q.now)
end

-- For a command or a text: Lua writes whole numbers as they are, up to 10^14.
local function tagOf(lane)
  return lane.tag % 1 == 0 and lane.tag or string.format('%.6f', lane.tag)
end

local function writeLanes(q, lanes)
  if #lanes == 0 then return end
  local fields = {}
  for i = 1, #lanes do
    local lane = lanes[i]
    local starts = lane.window and windowText(lane.window) or lane.starts
    fields[i * 2 - 1] = lane.key
    local text = tagOf(lane) .. ' ' .. lane.entry
    if lane.holder or lane.gate > q.now or lane.mean > 0 or lane.owed > 0 or starts ~= '' and starts ~= '-' then
      text = text .. string.format(' %s %.0f %.1f %.1f %s', lane.holder or '-', lane.gate, lane.mean, lane.owed,
        starts ~= '' and starts or '-')
    end
    fields[i * 2] = text
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
