-- Whether anything of a feature is stored that a plain job does not use: u user ids, t levels, c crashes and suspects, x cancel
-- marks, w waiters, n notes, p priority, s scheduled, k parked. One look tells that nothing of all is.
local function has(q, letter)
  if q.features == nil then
    q.features = redis.call('EXISTS', q.ids, q.levels, q.crashes, q.cancelling, q.waiters, q.notes, q.priority, q.scheduled,
      q.suspects, q.parked) > 0 and {} or false
  end
  if not q.features then return false end
  if q.features[letter] == nil then
    local keysOf = { u = q.ids, t = q.levels, c = q.crashes, x = q.cancelling, w = q.waiters, n = q.notes, p = q.priority,
      s = q.scheduled, k = q.parked }
    local found = redis.call('EXISTS', keysOf[letter]) > 0
    if letter == 'c' then found = found or redis.call('EXISTS', q.suspects) > 0 end
    q.features[letter] = found
  end
  return q.features[letter]
end

-- Something of a feature is stored from here on.
local function use(q, letter)
  q.features = q.features or {}
  q.features[letter] = true
end
