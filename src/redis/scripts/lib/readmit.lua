-- include lib/admit

-- A job that is not new is to run: where it has a unique key that is free, it claims the key. Returns the number of the live job that
-- holds the key already, nil where none does.
local function readmit(q, id)
  local key = traitOf(redis.call('HGET', q.traits, id), 'q')
  if not key then return nil end
  local holder = holdersOf(q, 'uniques', { key })[key]
  if holder and holder.id == id then return nil end
  if holder and isHolding(q, holder) then return holder.id end
  if holder and isOpenWindow(q, holder.rest) then return nil end
  use(q, 'q')
  redis.call('HSET', q.uniques, key, id)
end
