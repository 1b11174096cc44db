-- Leaves that Redis answers now. A gap of more than half a lease while jobs are in flight means that it was away, or every
-- process was: nobody could renew, so nobody's lease counts for a whole one. Returns until when.
local function witness(q, now, lease)
  local seen, grace = unpack(redis.call('HMGET', q.meta, 'seen', 'graceUntil'))
  local isHeld = redis.call('HLEN', q.inflight) > redis.call('HEXISTS', q.inflight, '-') -- '-' keeps the hash a table
  if isHeld and (not seen or now - tonumber(seen) > lease / 2) then
    grace = string.format('%.0f', now + lease)
    redis.call('HSET', q.meta, 'graceUntil', grace)
  end
  redis.call('HSET', q.meta, 'seen', string.format('%.0f', now))
  return tonumber(grace or 0)
end
