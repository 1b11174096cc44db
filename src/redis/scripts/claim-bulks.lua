#!lua flags=allow-oom
-- Gives an executor the bulk operations that nobody works at, and those that are its own already.
-- atomic because two executors must not take one operation.
--
-- KEYS  all of the queue
-- ARGV  1 executor   2 lease ms
-- returns { now, ms at which the lease of another executor ends or '', per operation of this executor: id, what was asked for, how far
--           it came, its retried jobs without outcome … } as lib/bulk has them
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/bulk
q.nowText = string.format('%.0f', now)
local reply, free = { q.nowText, '' }, nil
for _, id in ipairs(runningBulks(q)) do
  local bulk, asked = readBulk(q, id), redis.call('HGET', q.bulks, id)
  if not bulk or not asked then
    dropRunning(q, id)
  elseif bulk.state ~= 'running' then
    closeBulk(q, bulk) -- the script that ended it has stopped in the middle
  else
    local leaseEnd = tonumber(bulk.leaseEnd)
    if bulk.executor ~= ARGV[1] and leaseEnd > now then
      free = math.min(free or leaseEnd, leaseEnd)
    else
      bulk.executor, bulk.leaseEnd = ARGV[1], string.format('%.0f', now + tonumber(ARGV[2]))
      writeBulk(q, bulk)
      reply[#reply + 1] = id
      reply[#reply + 1] = asked
      reply[#reply + 1] = lineOf(bulk)
      reply[#reply + 1] = redis.call('HGET', q.bulks, id .. ':w') or ''
    end
  end
end
if free then reply[2] = string.format('%.0f', free) end
return reply
