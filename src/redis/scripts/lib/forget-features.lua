-- include lib/features

-- Whether the queue has limits, or a handler said that nothing may start for a while.
local function holdsBack(q)
  local state = redis.call('HMGET', q.meta, 'limits', 'gate')
  return state[1] or tonumber(state[2] or 0) > q.now
end

-- Takes back the letters of features that nothing is stored of any more.
local function forgetFeatures(q)
  local keysOf = {
    u = { q.ids }, -- user ids
    t = { q.traits },
    p = { q.priority },
    s = { q.scheduled },
    c = { q.crashes, q.suspects },
    x = { q.cancelling },
    w = { q.waiters },
    n = { q.notes },
    k = { q.parked },
    l = { q.jobs }, -- long records
    b = { q.payloads }, -- payloads beside their records
    q = { q.uniques }, -- unique keys
    g = { q.grouped, q.flying, q.lanes, q.rules, q.traits }, -- groups; a job that is to run again may have one
  }
  local left = string.gsub(q.features, '.', function(letter)
    if letter == 'r' then return not holdsBack(q) and '' or nil end
    -- A letter of a newer version stays.
    if keysOf[letter] and redis.call('EXISTS', unpack(keysOf[letter])) == 0 then return '' end
  end)
  if left == q.features then return end
  q.features = left
  if left == '' then redis.call('HDEL', q.meta, 'features') else redis.call('HSET', q.meta, 'features', left) end
end
