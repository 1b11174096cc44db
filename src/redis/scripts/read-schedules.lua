#!lua flags=allow-oom
-- Reads schedules by their names.
-- atomic because a rule, its state and its announcement must fit.
--
-- KEYS  all of the queue
-- ARGV  1… names
-- returns per name: {} | { header, spec, announced ms or '' }
-- include lib/keys
local reply = {}
for i = 1, #ARGV do
  local header = redis.call('HGET', q.schedules, ARGV[i])
  if header then
    local seen = redis.call('ZSCORE', q.announced, ARGV[i])
    reply[i] = { header, redis.call('HGET', q.specs, ARGV[i]) or '', seen and string.format('%.0f', tonumber(seen)) or '' }
  else
    reply[i] = {}
  end
end
return reply
