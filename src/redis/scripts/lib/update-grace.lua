-- Records that Redis answers now, and returns until when no lease runs out. While jobs were in flight and Redis was away, or every
-- process was, no lease could be renewed: after such a gap each lease counts for a whole one from now on.
-- Half a lease is such a gap: a lease may have been a quarter old when the gap began, and its worker needs the last quarter to come
-- back. Where nothing was in flight at its beginning, every lease is younger than the gap, and three quarters leave as much.
local function updateGrace(q, now, lease)
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
