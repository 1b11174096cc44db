-- include lib/features
-- include lib/lane-moves

-- Hook: leases end. No other part deletes a token of `inflight`.

-- Deletes the tokens of jobs whose lease is still the newest: `tokens` is the token of all, or of each by position, or nil where
-- the caller has just read them. Others have a newer lease, or are gone, or were named before: they are added to q.lost. Returns
-- the positions of those that left, or nil where all did.
local function leave(q, ids, tokens)
  if not tokens then
    if has(q, 'g') then land(q, ids) end
    redis.call('HDEL', q.inflight, unpack(ids))
    return nil
  end
  local stored, isShared, stale = redis.call('HMGET', q.inflight, unpack(ids)), type(tokens) == 'string', false
  for i = 1, #ids do
    if stored[i] ~= (isShared and tokens or tokens[i]) then
      stale = true
      break
    end
  end
  if not stale and has(q, 'g') then land(q, ids, tokens) end
  if not stale and redis.call('HDEL', q.inflight, unpack(ids)) == #ids then return nil end
  local left, leaving, leavingTokens, seen = {}, {}, {}, {}
  q.lost = q.lost or {}
  for i = 1, #ids do
    if stored[i] == (isShared and tokens or tokens[i]) and not seen[ids[i]] then
      seen[ids[i]] = true
      left[#left + 1] = i
      leaving[#leaving + 1] = ids[i]
      leavingTokens[#leaving] = stored[i]
    else
      q.lost[#q.lost + 1] = ids[i]
    end
  end
  if stale and #leaving > 0 and has(q, 'g') then land(q, leaving, leavingTokens) end
  if stale and #leaving > 0 then redis.call('HDEL', q.inflight, unpack(leaving)) end
  return left
end
