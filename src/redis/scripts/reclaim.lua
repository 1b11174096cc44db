#!lua flags=allow-oom
-- One step of the scan that returns jobs of workers whose lease ran out; of none for a lease after Redis was away.
-- atomic because a job must be in flight or ready at any moment, and its crash be counted once.
--
-- KEYS  all of the queue
-- ARGV  1 lease ms   2 crashes until dead   3 items a step
-- returns { now, reclaimed ids, poisoned ids, more 1|0, in flight, next expiry ms or '', ready, next due ms or '', parked,
--           next look at a schedule ms or '', 1 some script stopped in the middle | 0, 1 bulk operations run | 0 }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish-or-fail
-- include lib/update-grace
-- include lib/journal
-- include lib/go-on
-- include lib/place
-- include lib/wake
local graceUntil = updateGrace(q, now, tonumber(ARGV[1]))
local scanCursor, scanWorker, torn, bulks = readState(q, now, 'scanCursor', 'scanWorker', 'torn', 'bulks')
q.torn, q.maxCrashes = torn, tonumber(ARGV[2])
local reclaimed, poisoned = {}, {}

-- Jobs of a worker that died, the newest first.
local function giveBack(ids)
  begin(q, ids)
  local going, counts = goOn(q, ids, nil, 'crashed')
  local dead, details, suspected, again = {}, {}, {}, {}
  for i = #going, 1, -1 do
    local id, count = ids[going[i]], counts[going[i]]
    if count >= q.maxCrashes then
      dead[#dead + 1] = id
      details[#dead] = '{"reason":"poison","message":"Its worker died ' .. count .. ' times while it ran."}'
    elseif count == q.maxCrashes - 1 then
      table.insert(suspected, 1, id)
    else
      again[#again + 1] = id
    end
  end
  endJobs(q, 'dead', dead, details, nil, true)
  place(q, suspected, 'back') -- behind those that wait longer to run alone
  place(q, again, 'front')
  poisoned = dead
  for i = 1, #going do
    local at = going[i]
    if counts[at] < q.maxCrashes then
      reclaimed[#reclaimed + 1] = ids[at]
      addEvent(q, 'reclaimed', ids[at], false, '')
    end
  end
  sendNotices(q)
  finish(q)
end

local more = 0
local expired = now >= graceUntil and redis.call('ZRANGEBYSCORE', q.workers, '-inf', q.nowText, 'LIMIT', 0, 1)[1]
if expired then
  -- A step looks at a bounded part of what is in flight; the worker's name stays until the last step is done.
  -- A lease that was renewed in between begins a new scan: what an older one passed over may be in flight again.
  local scanned = expired .. ' ' .. redis.call('ZSCORE', q.workers, expired)
  local scan = redis.call('HSCAN', q.inflight, scanWorker == scanned and scanCursor or '0', 'COUNT', ARGV[3])
  local owner, mine = expired .. ':', {}
  for i = 1, #scan[2], 2 do
    if string.sub(scan[2][i + 1], 1, #owner) == owner then mine[#mine + 1] = scan[2][i] end
  end
  table.sort(mine, function(a, b) return a > b end)
  if #mine > 0 then giveBack(mine) end
  if scan[1] == '0' then
    redis.call('ZREM', q.workers, expired)
    -- It may live on, idle and without a lease: it stays among those to wake.
    redis.call('HDEL', q.meta, 'scanCursor', 'scanWorker')
    more = redis.call('ZCOUNT', q.workers, '-inf', q.nowText) > 0 and 1 or 0
  else
    redis.call('HSET', q.meta, 'scanCursor', scan[1], 'scanWorker', scanned)
    more = 1
  end
end

if #reclaimed > 0 then wake(q) end
local function firstOf(store)
  local head = redis.call('ZRANGE', store, 0, 0, 'WITHSCORES')
  return head[2] and string.format('%.0f', tonumber(head[2])) or ''
end
return {
  q.nowText, reclaimed, poisoned, more,
  redis.call('HLEN', q.inflight) - redis.call('HEXISTS', q.inflight, '-'), -- '-' keeps the hash a table
  firstOf(q.workers),
  redis.call('LLEN', q.ready) + redis.call('ZCARD', q.priority) + redis.call('LLEN', q.suspects)
    + redis.call('ZCARD', q.grouped),
  firstOf(q.scheduled),
  redis.call('ZCARD', q.parked),
  firstOf(q.ticks), torn and torn ~= '' and 1 or 0, bulks and 1 or 0,
}
