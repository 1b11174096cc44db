#!lua flags=allow-oom
-- Schedules that are to be looked at now, by the clock of Redis, earliest first. A page ends early at a mebibyte of specs.
-- atomic because a rule and its tick must fit.
--
-- KEYS  all of the queue
-- ARGV  1 most schedules
-- returns { now, look at ms of the first that is not in the page or '', then per schedule: name, hash, tick ms, fired, spec … }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local reply = { nowText, '' }
local taken, bytes = 0, 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', q.ticks, '-inf', nowText, 'LIMIT', 0, ARGV[1])) do
  local header = redis.call('HGET', q.schedules, name)
  local hash, tick, fired = string.match(header or '', '^(%S+) active (%d+) %S+ (%d+) ')
  if hash and tonumber(tick) > now then
    redis.call('ZADD', q.ticks, tick, name) -- fire-schedules.lua stopped before this
  elseif hash then
    local spec = redis.call('HGET', q.specs, name) or ''
    bytes = bytes + #spec
    if taken > 0 and bytes > 1048576 then break end
    taken = taken + 1
    for _, part in ipairs({ name, hash, tick, fired, spec }) do reply[#reply + 1] = part end
  else
    redis.call('ZREM', q.ticks, name) -- its rule was deleted by hand
  end
end
local following = redis.call('ZRANGE', q.ticks, taken, taken, 'WITHSCORES')[2]
if following then reply[2] = string.format('%.0f', tonumber(following)) end
return reply
