-- What the queue uses that a plain job does not need, as letters of the field `features` of `meta`: lib/forget-features names each letter
-- and its keys. The first use of a feature sets its letter; trim.lua takes it back once the feature's keys are gone. So one field,
-- which every call reads anyway, says what need not be looked at. Needs lib/state.
local function has(q, letter)
  return string.find(q.features, letter, 1, true) ~= nil
end

-- Something of a feature is about to be stored.
local function use(q, letter)
  if has(q, letter) then return end
  q.features = q.features .. letter
  redis.call('HSET', q.meta, 'features', q.features)
end
