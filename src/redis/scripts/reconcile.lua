#!lua flags=allow-oom
-- One step over what is in flight: jobs that carry the worker's name and that it does not hold go back to the front.
-- atomic because a job must not be given back while its worker is being handed it.
--
-- KEYS  1 meta HASH    2 inflight HASH   3 ready LIST       4 priority ZSET   5 levels HASH      6 idle SET
--       7 jobs HASH    8 crashes HASH    9 suspects LIST   10 cancelling HASH  11 cancelled ZSET  12 waiters HASH
--      13 workers ZSET
-- ARGV  1 worker   2 cursor   3 items a step   4 crashes until dead   5 newest fence to look at, '' in the first step
--       6… ids that the worker holds
-- returns { now, next cursor ('0' at the end), number released, fence for the next steps, lease expiry ms or '' }
local meta, inflight, ready, priority, levels, idle = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local jobs, crashes, suspects, cancelling, cancelled, waiters = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local workers, worker, limit = KEYS[13], ARGV[1], tonumber(ARGV[4])
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local base = string.sub(meta, 1, -5)
local state = redis.call('HMGET', meta, 'paused', 'listen', 'fence')
local listening = state[2] and tonumber(state[2]) > now
-- What is reserved while the steps go on is newer than the list of what is held.
local newest = ARGV[5] == '' and (state[3] or '0') or ARGV[5]
local held = {}
for i = 6, #ARGV do held[ARGV[i]] = true end
local scan = redis.call('HSCAN', inflight, ARGV[2], 'COUNT', ARGV[3])
local found = scan[2]
local orphans, events = {}, {}
local owner = worker .. ':'
for i = 1, #found, 2 do
  if string.sub(found[i + 1], 1, #owner) == owner and not held[found[i]]
      and tonumber(string.sub(found[i + 1], #owner + 1)) <= tonumber(newest) then
    orphans[#orphans + 1] = found[i]
  end
end
table.sort(orphans, function(a, b) return a > b end) -- the newest first, so that the oldest ends at the very front

-- include lib/looked-up-news

local function endCancelled(id)
  local line = 'X' .. nowText .. '{"reason":"cancelled"}'
  local text = redis.call('HGET', jobs, id)
  redis.call('HDEL', levels, id)
  redis.call('HDEL', crashes, id)
  if text then
    local kept = line .. '\n' .. text
    redis.call('HSET', jobs, id, kept)
    redis.call('ZADD', cancelled, nowText, id)
    redis.call('HINCRBY', meta, 'cancelledBytes', #kept)
  end
  local until_ = redis.call('HGET', waiters, id)
  if until_ then
    if tonumber(until_) >= now then redis.call('PUBLISH', base .. 'settled', id .. ' ' .. line) end
    redis.call('HDEL', waiters, id) -- last: whoever mends tells the others
  end
  if listening then events[#events + 1] = newsOf('cancelled', id, text, '{"reason":"cancelled"}') end
end

-- include lib/journal
if #orphans > 0 then begin(orphans) end
for _, id in ipairs(orphans) do
  redis.call('HDEL', inflight, id)
  if redis.call('HEXISTS', cancelling, id) == 1 then
    endCancelled(id)
    redis.call('HDEL', cancelling, id)
  else
    local level = tonumber(redis.call('HGET', levels, id) or 0) or 0
    local crashed = tonumber(redis.call('HGET', crashes, id) or 0)
    if crashed > 0 and crashed >= limit - 1 then
      redis.call('LPUSH', suspects, id)
    elseif level > 0 then
      local position = redis.call('HINCRBY', meta, 'front', -1)
      redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
    else
      redis.call('LPUSH', ready, id)
    end
    if listening then events[#events + 1] = newsOf('released', id, recordForNews(id), '') end
  end
end
if #orphans > 0 then finish() end
if #orphans > 0 and not state[1] then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local other = redis.call('SPOP', idle)
    if not other or redis.call('PUBLISH', prefix .. ':wake:' .. other, queue) > 0 then break end
  end
end
if #events > 0 then
  redis.call('PUBLISH', base .. 'events', nowText .. '\n' .. table.concat(events, '\n'))
end
local expiry = redis.call('ZSCORE', workers, worker)
return { nowText, scan[1], #orphans, newest, expiry and string.format('%.0f', tonumber(expiry)) or '' }
