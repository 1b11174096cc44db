#!lua flags=allow-oom
-- Alerts change, each only from the record that its caller has seen.
-- atomic because one process makes a change, whoever else has seen the same.
--
-- KEYS  1 alerts HASH
-- ARGV  1 app   2 rule   3 queue or ''   4 record that was seen, '' for none   5 new record, '' for none   6… the same of further alerts
-- returns { '1' it is so now | '0' another record is there, per alert … }
local reply = {}
for i = 2, #ARGV, 4 do
  local field = ARGV[1] .. ' ' .. ARGV[i] .. ' ' .. ARGV[i + 1]
  local found = redis.call('HGET', KEYS[1], field) or ''
  local changes = found == ARGV[i + 2]
  if changes and ARGV[i + 3] ~= '' then redis.call('HSET', KEYS[1], field, ARGV[i + 3])
  elseif changes then redis.call('HDEL', KEYS[1], field) end
  -- A call that is repeated finds what it wrote.
  reply[#reply + 1] = (changes or found == ARGV[i + 3]) and '1' or '0'
end
return reply
