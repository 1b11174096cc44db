#!lua flags=allow-oom
-- Reads bulk operations: those that run, and the last ones that ended.
-- atomic because one that ends meanwhile must not be missing.
--
-- KEYS  all of the queue
-- ARGV  1 id of the one that is asked for, '' all
-- returns { now, per operation: id, what was asked for, how far it came, its retried jobs without outcome … } as lib/bulk has them
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/bulk
local ids, reply = { ARGV[1] }, { string.format('%.0f', now) }
if ARGV[1] == '' then
  ids = runningBulks(q)
  for id in string.gmatch(redis.call('HGET', q.bulks, 'ended') or '', '%S+') do ids[#ids + 1] = id end
end
for i = 1, #ids do
  local fields = redis.call('HMGET', q.bulks, ids[i], ids[i] .. ':p', ids[i] .. ':w')
  if fields[1] and fields[2] then
    reply[#reply + 1] = ids[i]
    for f = 1, 3 do reply[#reply + 1] = fields[f] or '' end
  end
end
return reply
