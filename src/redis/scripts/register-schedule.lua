#!lua
-- Stores the rule of a schedule. The same rule again writes nothing of it, so that restarts never postpone a tick.
-- atomic because instances that start together, of one deployment or of two, must agree on one rule and one next tick.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 name   4 spec hash   5 spec   6 first tick ms or '' (none)
--       7 look at ms or ''   8 app or '' (made at run time)
--       9 '1': a tick of the replaced rule that has come may be lost
-- returns 'created' | 'unchanged' | 'replaced' | 'outdated' | 'conflict' | 'due'
-- include lib/keys
-- include lib/publish
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
local nowText = string.format('%.0f', now)
local name, hash, tick, lookAt, app = ARGV[3], ARGV[4], ARGV[6], ARGV[7], ARGV[8]
local state, result = tick == '' and 'ended' or 'active', 'created'
local last, fired, skipped, created, resumed, open, replaced = '-', '0', '0', nowText, '0', '-', '-'

local header = redis.call('HGET', q.schedules, name)
if header then
  local oldHash, oldState, oldTick, oldFired, oldSkipped, oldApp
  oldHash, oldState, oldTick, last, oldFired, oldSkipped, created, resumed, open, replaced, oldApp =
    string.match(header, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
  if (oldApp == '') ~= (app == '') then return answer('conflict') end
  if oldApp ~= app then
    local seen = redis.call('ZSCORE', q.announced, name)
    -- The other app lives: each would set the other back for ever.
    if seen and tonumber(seen) > now - RULES.silenceMs then return answer('conflict') end
  end
  if oldHash == hash and oldState ~= 'paused:removed' then
    if app ~= '' then
      redis.call('ZADD', q.announced, nowText, name)
      if oldApp ~= app then redis.call('HSET', q.schedules, name, string.sub(header, 1, -1 - #oldApp) .. app) end
    end
    return answer('unchanged')
  end
  if app ~= '' and string.find(',' .. replaced .. ',', ',' .. hash .. ',', 1, true) then
    local seen = redis.call('ZSCORE', q.announced, name)
    -- Its successor lives: an old instance that restarts must not set a deployment back.
    if seen and tonumber(seen) > now - RULES.silenceMs then return answer('outdated') end
  end
  local staysPaused = string.sub(oldState, 1, 7) == 'paused:' and oldState ~= 'paused:removed'
  if oldHash ~= hash and not staysPaused and ARGV[9] ~= '1' then
    -- A tick that has come is to be fired by the rule that it belongs to, and one that was fired not once more.
    if oldState == 'active' and tonumber(oldTick) <= now then return answer('due') end
    if tick ~= '' and last ~= '-' and tonumber(tick) <= tonumber(last) then return answer('due') end
  end
  result = 'replaced'
  if oldHash == hash then
    fired, skipped = oldFired, oldSkipped
  elseif app ~= '' then
    local kept = { oldHash }
    for other in string.gmatch(replaced, '[^,]+') do
      if other ~= hash and other ~= '-' and #kept < 8 then kept[#kept + 1] = other end
    end
    replaced = table.concat(kept, ',')
  end
  if staysPaused then state = oldState end
end

if state ~= 'active' then tick = '-' end
redis.call('HSET', q.specs, name, ARGV[5])
redis.call('HSET', q.schedules, name, table.concat(
  { hash, state, tick == '' and '-' or tick, last, fired, skipped, created, resumed, open, replaced, app }, ' '))
if app ~= '' then redis.call('ZADD', q.announced, nowText, name) end
if state ~= 'active' then
  redis.call('ZREM', q.ticks, name)
  return answer(result)
end
if lookAt == '' then lookAt = tick end
local first = redis.call('ZRANGE', q.ticks, 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', q.ticks, lookAt, name)
-- Schedulers sleep until the earliest time they know: an earlier one must wake them.
if not first or tonumber(lookAt) < tonumber(first) then
  publish(string.sub(q.schedules, 1, -10) .. 'signals', 'schedules')
end
return answer(result)
