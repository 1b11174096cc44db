#!lua flags=allow-oom
-- One step of the scan that returns jobs of workers whose lease ran out; of none for a lease after Redis was away.
-- atomic because a job must be in flight or ready at any moment, and its crash be counted once.
--
-- KEYS  1 meta HASH      2 workers ZSET   3 inflight HASH     4 ready LIST      5 priority ZSET   6 levels HASH
--       7 crashes HASH   8 suspects LIST  9 cancelling HASH  10 jobs HASH      11 dead ZSET      12 cancelled ZSET
--      13 waiters HASH  14 idle SET      15 scheduled ZSET   16 parked ZSET      17 ticks ZSET
-- ARGV  1 lease ms   2 crashes until dead   3 items a step
-- returns { now, reclaimed ids, poisoned ids, more 1|0, in flight, next expiry ms or '', ready, next due ms or '', parked,
--           next look at a schedule ms or '', 1 some script stopped in the middle | 0 }
local meta, workers, inflight, ready, priority, levels = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local crashes, suspects, cancelling, jobs, dead, cancelled = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local waiters, idle, scheduled, parked, ticks = KEYS[13], KEYS[14], KEYS[15], KEYS[16], KEYS[17]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local base = string.sub(meta, 1, -5)
local lease, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
-- include lib/witness
local graceUntil = witness(now, lease)
-- include lib/journal
local state = redis.call('HMGET', meta, 'paused', 'listen', 'scanCursor', 'scanWorker', 'torn')
local listening = state[2] and tonumber(state[2]) > now
-- include lib/looked-up-news
local inFlightCount = redis.call('HLEN', inflight) - redis.call('HEXISTS', inflight, '-') -- '-' keeps the hash a table
local reclaimed, poisoned, events = {}, {}, {}
local more = 0

local function tell(id, line)
  local until_ = redis.call('HGET', waiters, id)
  if until_ then
    if tonumber(until_) >= now then redis.call('PUBLISH', base .. 'settled', id .. ' ' .. line) end
    redis.call('HDEL', waiters, id) -- last: whoever mends tells the others
  end
end

local function keepEnd(store, counter, id, line)
  local text = redis.call('HGET', jobs, id)
  redis.call('HDEL', crashes, id)
  redis.call('HDEL', levels, id)
  if text then
    local kept = line .. '\n' .. text
    redis.call('HSET', jobs, id, kept)
    redis.call('ZADD', store, nowText, id)
    redis.call('HINCRBY', meta, counter, #kept)
  end
  tell(id, line)
end

local function giveBack(id)
  redis.call('HDEL', inflight, id)
  inFlightCount = inFlightCount - 1
  if redis.call('HEXISTS', cancelling, id) == 1 then
    keepEnd(cancelled, 'cancelledBytes', id, 'X' .. nowText .. '{"reason":"cancelled"}')
    redis.call('HDEL', cancelling, id)
    if listening then events[#events + 1] = newsOf('cancelled', id, recordForNews(id), '{"reason":"cancelled"}') end
    return
  end
  local count = redis.call('HINCRBY', crashes, id, 1)
  if count >= limit then
    local detail = '{"reason":"poison","message":"Its worker died ' .. count .. ' times while it ran."}'
    keepEnd(dead, 'deadBytes', id, 'D' .. nowText .. detail)
    poisoned[#poisoned + 1] = id
    if listening then events[#events + 1] = newsOf('dead', id, recordForNews(id), detail) end
  elseif count == limit - 1 then
    redis.call('RPUSH', suspects, id)
    reclaimed[#reclaimed + 1] = id
    if listening then events[#events + 1] = newsOf('reclaimed', id, recordForNews(id), '') end
  else
    local level = tonumber(redis.call('HGET', levels, id) or 0) or 0
    if level > 0 then
      local position = redis.call('HINCRBY', meta, 'front', -1)
      redis.call('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
    else
      redis.call('LPUSH', ready, id)
    end
    reclaimed[#reclaimed + 1] = id
    if listening then events[#events + 1] = newsOf('reclaimed', id, recordForNews(id), '') end
  end
end

if now >= graceUntil then
  local expired = redis.call('ZRANGEBYSCORE', workers, '-inf', nowText, 'LIMIT', 0, 1)[1]
  if expired then
    -- A step looks at a bounded part of what is in flight; the worker's name stays until the last step is done.
    -- A lease that was renewed in between begins a new scan: what an older one passed over may be in flight again.
    local scanned = expired .. ' ' .. redis.call('ZSCORE', workers, expired)
    local cursor = (state[4] == scanned and state[3]) or '0'
    local scan = redis.call('HSCAN', inflight, cursor, 'COUNT', ARGV[3])
    local owner = expired .. ':'
    local mine = {}
    for i = 1, #scan[2], 2 do
      if string.sub(scan[2][i + 1], 1, #owner) == owner then mine[#mine + 1] = scan[2][i] end
    end
    table.sort(mine, function(a, b) return a > b end) -- the oldest ends at the very front
    if #mine > 0 then
      begin(mine)
      for _, id in ipairs(mine) do giveBack(id) end
      finish()
    end
    if scan[1] == '0' then
      redis.call('ZREM', workers, expired)
      -- It may live on, idle and without a lease: it stays among those to wake.
      redis.call('HDEL', meta, 'scanCursor', 'scanWorker')
      more = redis.call('ZCOUNT', workers, '-inf', nowText) > 0 and 1 or 0
    else
      redis.call('HSET', meta, 'scanCursor', scan[1], 'scanWorker', scanned)
      more = 1
    end
  end
end

if #reclaimed > 0 and not state[1] then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local worker = redis.call('SPOP', idle)
    if not worker or redis.call('PUBLISH', prefix .. ':wake:' .. worker, queue) > 0 then break end
  end
end
if #events > 0 then
  redis.call('PUBLISH', base .. 'events', nowText .. '\n' .. table.concat(events, '\n'))
end
local nextLease = redis.call('ZRANGE', workers, 0, 0, 'WITHSCORES')
local nextJob = redis.call('ZRANGE', scheduled, 0, 0, 'WITHSCORES')
local nextTick = redis.call('ZRANGE', ticks, 0, 0, 'WITHSCORES')
return {
  nowText, reclaimed, poisoned, more, inFlightCount,
  nextLease[2] and string.format('%.0f', tonumber(nextLease[2])) or '',
  redis.call('LLEN', ready) + redis.call('ZCARD', priority) + redis.call('LLEN', suspects),
  nextJob[2] and string.format('%.0f', tonumber(nextJob[2])) or '',
  redis.call('ZCARD', parked),
  nextTick[2] and string.format('%.0f', tonumber(nextTick[2])) or '', state[5] and state[5] ~= '' and 1 or 0,
}
