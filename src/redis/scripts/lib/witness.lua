-- Leaves that Redis answers now. A long gap while jobs are in flight means that it was away, or every process was: nobody
-- could renew, so nobody's lease counts for a whole one. Returns until when.
-- Half a lease is long: a lease may have been a quarter old when the gap began, and its worker needs the last quarter to come
-- back. Where nothing was in flight then, every lease is younger than the gap, and three quarters leave as much.
local function witness(q, now, lease)
  local seen, grace, wasQuiet = unpack(redis.call('HMGET', q.meta, 'seen', 'graceUntil', 'quiet'))
  local isHeld = redis.call('HLEN', q.inflight) > redis.call('HEXISTS', q.inflight, '-') -- '-' keeps the hash a table
  local longest = wasQuiet == '1' and lease * 3 / 4 or lease / 2
  if isHeld and (not seen or now - tonumber(seen) > longest) then
    grace = string.format('%.0f', now + lease)
    redis.call('HSET', q.meta, 'graceUntil', grace)
  end
  redis.call('HSET', q.meta, 'seen', string.format('%.0f', now), 'quiet', isHeld and '0' or '1')
  return tonumber(grace or 0)
end
