#!lua flags=allow-oom
-- How many jobs are in each state.
-- atomic because the numbers must add up.
--
-- KEYS  all of the queue
-- ARGV  none
-- returns { scheduled, ready, active, parked, blocked (they are ready), completed, cancelled, dead, paused 1|0 }
-- include lib/keys
local state = redis.call('HMGET', q.meta, 'readyHoles', 'completedCount', 'paused')
-- Ready jobs of groups that something holds back; of more than a thousand groups, those of a thousand: to look at each would hold
-- everybody up.
local held, blocked = redis.call('ZRANGE', q.held, 0, 999), 0
for i = 1, #held do blocked = blocked + redis.call('ZLEXCOUNT', q.grouped, '[' .. held[i] .. '\t', '(' .. held[i] .. '\n') end
return {
  redis.call('ZCARD', q.scheduled),
  redis.call('LLEN', q.ready) - tonumber(state[1] or 0) + redis.call('ZCARD', q.priority) + redis.call('LLEN', q.suspects)
    + redis.call('ZCARD', q.grouped) ,
  redis.call('HLEN', q.inflight) - redis.call('HEXISTS', q.inflight, '-'), -- the field that keeps the hash a table
  redis.call('ZCARD', q.parked),
  blocked,
  tonumber(state[2] or 0),
  redis.call('ZCARD', q.cancelled),
  redis.call('ZCARD', q.dead),
  state[3] and 1 or 0,
}
