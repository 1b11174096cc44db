-- include lib/leave
-- include lib/end-job

-- Jobs leave and may run again: 'ran' (what they came to is counted: they did not take their worker with them),
-- 'unrun' (given back) or 'crashed' (their worker died, which is counted). Those that somebody wants cancelled end. `envelopes`
-- are new ones by position. Returns the positions of those that go on, and their crash counts by position where one crashed.
local function goOn(q, ids, tokens, how, envelopes)
  local positions = leave(q, ids, tokens)
  if not positions then
    positions = {}
    for i = 1, #ids do positions[i] = i end
  end
  if #positions == 0 then return positions end
  local marked = has(q, 'x') and redis.call('HMGET', q.cancelling, unpack(ids))
  if marked then
    local going, ended, last = {}, {}, {}
    for i = 1, #positions do
      local at = positions[i]
      if marked[at] then
        ended[#ended + 1] = ids[at]
        last[#ended] = envelopes and envelopes[at] or ''
      else
        going[#going + 1] = at
      end
    end
    endJobs(q, 'cancelled', ended, '{"reason":"cancelled"}', last, true)
    positions = going
  end
  local counts
  if how == 'crashed' then
    counts = {}
    use(q, 'c')
    for i = 1, #positions do counts[positions[i]] = redis.call('HINCRBY', q.crashes, ids[positions[i]], 1) end
  elseif how == 'ran' and has(q, 'c') and #positions > 0 then
    local ran = {}
    for i = 1, #positions do ran[i] = ids[positions[i]] end
    redis.call('HDEL', q.crashes, unpack(ran))
  end
  return positions, counts
end
