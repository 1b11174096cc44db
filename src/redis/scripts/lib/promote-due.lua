-- include lib/journal
-- include lib/place
-- include lib/notify

-- Jobs that are due become ready, no more than so many; the caller calls finish. Returns how many.
local function promoteDue(q, most)
  local due = redis.call('ZRANGEBYSCORE', q.scheduled, '-inf', q.nowText, 'LIMIT', 0, most)
  if #due == 0 then return 0 end
  begin(q, due)
  redis.call('ZREMRANGEBYRANK', q.scheduled, 0, #due - 1) -- the due ones are the first of the set
  place(q, due, 'back')
  for i = 1, #due do addEvent(q, 'promoted', due[i], false, '') end
  return #due
end

-- The due time of the first scheduled job, or ''.
local function nextDue(q)
  local head = redis.call('ZRANGE', q.scheduled, 0, 0, 'WITHSCORES')
  return head[2] and string.format('%.0f', tonumber(head[2])) or ''
end
