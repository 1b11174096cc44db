-- include lib/place-of

-- Hook: new jobs are to be stored. Who holds the user ids of these jobs, asked for together: by user id, state and number of its
-- job, as 'ready 1x'; none where nobody has it. A job that was lost by hand leaves its id free again.
local function admit(q, userIds)
  local outcomeOf, held, ofUser = {}, {}, {}
  if #userIds == 0 then return outcomeOf end
  local holders = redis.call('HMGET', q.ids, unpack(userIds))
  for i = 1, #userIds do
    local id = holders[i]
    -- The mark of a call that stopped in the middle. A job that got no place is not there; one that did is, from now on.
    if id and string.byte(id, -1) == 63 then
      id = string.sub(id, 1, -2)
      if isPlaced(q, id) and redis.call('HEXISTS', q.jobs, id) == 1 then
        redis.call('HSET', q.ids, userIds[i], id)
      else
        redis.call('HDEL', q.traits, id)
        redis.call('HDEL', q.jobs, id)
        id = false
      end
    end
    if id then
      held[#held + 1] = id
      ofUser[#held] = userIds[i]
    end
  end
  if #held == 0 then return outcomeOf end
  local tokens, dues = redis.call('HMGET', q.inflight, unpack(held)), redis.call('ZMSCORE', q.scheduled, unpack(held))
  for i = 1, #held do
    local record = redis.call('HGET', q.jobs, held[i]) -- one at a time: payloads may be large
    outcomeOf[ofUser[i]] = record and stateOf(q, held[i], record, tokens[i], dues[i]) .. ' ' .. held[i]
  end
  return outcomeOf
end

-- Of the marked claims of a call that stopped, pairs of user id and 'number?', those that no other call has taken over: without
-- their mark.
local function stillMarked(q, marks)
  local userIds, claims = {}, {}
  for i = 1, #marks, 2 do userIds[#userIds + 1] = marks[i] end
  local holders = #userIds > 0 and redis.call('HMGET', q.ids, unpack(userIds)) or {}
  for i = 1, #userIds do
    if holders[i] == marks[i * 2] then
      claims[#claims + 1] = userIds[i]
      claims[#claims + 1] = string.sub(marks[i * 2], 1, -2)
    end
  end
  return claims
end
