-- Those of a worker's jobs that somebody wants cancelled.
local function markedOf(q, worker)
  local owner, mine = worker .. ':', {}
  if redis.call('EXISTS', q.cancelling) == 0 then return mine end
  local marked = redis.call('HKEYS', q.cancelling)
  local tokens = redis.call('HMGET', q.inflight, unpack(marked))
  for i = 1, #marked do
    if tokens[i] and string.sub(tokens[i], 1, #owner) == owner then mine[#mine + 1] = marked[i] end
  end
  return mine
end
