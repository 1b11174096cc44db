#!lua flags=allow-oom
-- Reads schedules by their names.
-- atomic because a rule, its state and its announcement must fit.
--
-- KEYS  1 schedules HASH   2 specs HASH   3 announced ZSET
-- ARGV  1… names
-- returns per name: {} | { header, spec, announced ms or '' }
local schedules, specs, announced = KEYS[1], KEYS[2], KEYS[3]
local reply = {}
for i = 1, #ARGV do
  local header = redis.call('HGET', schedules, ARGV[i])
  if header then
    local seen = redis.call('ZSCORE', announced, ARGV[i])
    reply[i] = { header, redis.call('HGET', specs, ARGV[i]) or '', seen and string.format('%.0f', tonumber(seen)) or '' }
  else
    reply[i] = {}
  end
end
return reply
