#!lua flags=allow-oom
-- Since when jobs wait: what the first ones of the line say of it, the first due time and the first dead job.
-- atomic because they must be of one moment.
--
-- KEYS  all of the queue
-- ARGV  1 jobs of the line
-- returns { now, earliest due ms or '', ms of the oldest death or '', per ready job: head, ms of its last failure or '' … }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/record
-- include lib/lane-of
local most = tonumber(ARGV[1])

local function firstOf(key)
  local score = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  return score and string.format('%.0f', tonumber(score)) or ''
end
local reply = { string.format('%.0f', now), firstOf(q.scheduled), firstOf(q.dead) }

-- Returns how many of these are there: a job that was cancelled or removed leaves its number in the line.
local function add(ids, limit)
  local found = 0
  for i = 1, #ids do
    local record = found < limit and redis.call('HGET', q.jobs, ids[i])
    if record and not isEnded(record) then
      found = found + 1
      reply[#reply + 1] = headOf(record)
      -- Errors come last in the first line. A text inside it has its quotes escaped.
      reply[#reply + 1] = string.match(string.match(record, '^[^\n]*'), '.*"at":(%d+)') or ''
    end
  end
  return found
end

add(redis.call('LRANGE', q.suspects, 0, most - 1), most)
if add(redis.call('LRANGE', q.ready, 0, most - 1), most) < most then
  add(redis.call('LRANGE', q.ready, most, most * 10), most)
end
if redis.call('EXISTS', q.priority) == 1 then
  for level = 1, RULES.highestPriority do
    -- As in lib/place.
    local from = (RULES.highestPriority - level) * 562949953421312
    local to = string.format('(%.0f', from + 562949953421312)
    add(redis.call('ZRANGEBYSCORE', q.priority, string.format('%.0f', from), to, 'LIMIT', 0, 1), 1)
  end
end
-- The next job of each of the first groups; of more than a hundred the others are not looked at.
local keys = redis.call('ZRANGE', q.held, 0, 49)
for _, member in ipairs(redis.call('ZRANGE', q.turns, 0, 49)) do keys[#keys + 1] = string.sub(member, 17) end
for i = 1, #keys do
  local low, high = rangeOf(keys[i])
  local member = redis.call('ZRANGEBYLEX', q.grouped, low, high, 'LIMIT', 0, 1)[1]
  if member then add({ readyIdIn(member, keys[i]) }, 1) end
end
return reply
