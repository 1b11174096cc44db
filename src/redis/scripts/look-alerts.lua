#!lua flags=allow-oom
-- A process asks whether it is to look at what the alerts of its app are about, and what was found so far.
-- atomic because one process at a time looks.
--
-- KEYS  1 alerts HASH
-- ARGV  1 app   2 process   3 rank: a higher one takes over at once   4 lease ms
-- returns { now, '1' it looks | '0' another process does, per alert of the app: rule, queue or '', record … }
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local app = ARGV[1]
local fields = redis.call('HGETALL', KEYS[1])
local reply, leases = { string.format('%.0f', now), '0' }, {}
for i = 1, #fields, 2 do
  local owner, rule, queue = string.match(fields[i], '^(%S+) (%S+) (%S*)$')
  if not owner then
    leases[fields[i]] = fields[i + 1]
  elseif owner == app then
    reply[#reply + 1] = rule
    reply[#reply + 1] = queue
    reply[#reply + 1] = fields[i + 1]
  end
end
local holder, rank, ends = string.match(leases[app] or '', '^(%S+) (%d+) (%d+)$')
if holder and holder ~= ARGV[2] and tonumber(ends) > now and tonumber(rank) >= tonumber(ARGV[3]) then return reply end

redis.call('HSET', KEYS[1], app, ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. string.format('%.0f', now + tonumber(ARGV[4])))
redis.call('PEXPIRE', KEYS[1], RULES.alertMemoryMs)
-- Apps that nobody runs any more.
for i = 1, #fields, 2 do
  local owner = string.match(fields[i], '^%S+')
  local last = owner ~= app and string.match(leases[owner] or '', '(%d+)$')
  if last and tonumber(last) + RULES.alertMemoryMs < now then redis.call('HDEL', KEYS[1], fields[i]) end
end
reply[2] = '1'
return reply
