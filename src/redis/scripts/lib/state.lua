-- What a script asks of its queue first. Sets q.now, q.nowText, q.paused, q.listening and q.features; returns the other fields of
-- `meta` that were asked for.
local function readState(q, now, ...)
  local state = redis.call('HMGET', q.meta, 'paused', 'listen', 'features', ...)
  q.now, q.nowText = now, string.format('%.0f', now)
  q.paused = state[1] ~= false
  q.listening = state[2] ~= false and tonumber(state[2]) > now
  q.features = state[3] or ''
  return select(4, unpack(state))
end
