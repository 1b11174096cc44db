-- include lib/features

-- Takes back the letters of features that nothing is stored of any more.
local function forgetFeatures(q)
  local keysOf = { u = { q.ids }, t = { q.traits }, p = { q.priority }, s = { q.scheduled }, c = { q.crashes, q.suspects },
    x = { q.cancelling }, w = { q.waiters }, n = { q.notes }, k = { q.parked }, l = { q.jobs } }
  local left = string.gsub(q.features, '.', function(letter)
    -- A letter of a newer version stays.
    if keysOf[letter] and redis.call('EXISTS', unpack(keysOf[letter])) == 0 then return '' end
  end)
  if left == q.features then return end
  q.features = left
  if left == '' then redis.call('HDEL', q.meta, 'features') else redis.call('HSET', q.meta, 'features', left) end
end
