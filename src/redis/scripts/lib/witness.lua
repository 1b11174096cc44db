-- Leaves that Redis answers now. A gap of more than half a lease while jobs are in flight means that it was away, or every
-- process was: nobody could renew, so nobody's lease counts for a whole one. Returns until when. Needs `meta` and `inflight`.
local function witness(now, lease)
  local seen, grace = unpack(redis.call('HMGET', meta, 'seen', 'graceUntil'))
  local isHeld = redis.call('HLEN', inflight) > redis.call('HEXISTS', inflight, '-') -- '-' keeps the hash a table
  if isHeld and (not seen or now - tonumber(seen) > lease / 2) then
    grace = string.format('%.0f', now + lease)
    redis.call('HSET', meta, 'graceUntil', grace)
  end
  redis.call('HSET', meta, 'seen', string.format('%.0f', now))
  return tonumber(grace or 0)
end
