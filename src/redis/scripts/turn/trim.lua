-- include lib/drop-completed

-- The oldest completed jobs go together: never fewer than the limit stay, unless they take too much room. Past a large limit some more
-- may stay for a while: eight elements go at the price of one. Far more than come never go in one turn: the janitor helps.
local function trimCompleted(q, turn)
  local most, maxBytes = turn.maxCompleted, turn.maxBytes
  local count, bytes, dropped = turn.completedCount, turn.completedBytes, 0
  if count <= most + (most >= 1000 and 50 or 0) and bytes <= maxBytes then return end
  while dropped < turn.added + 100 and (count > most or bytes > maxBytes) do
    local heads, oldest = redis.call('LRANGE', q.completed, 0, 7), {}
    for i = 1, #heads do
      local size, number = string.match(heads[i], '^%d+ (%d+) (%d+)')
      size, number = tonumber(size), tonumber(number)
      if count - number < most and bytes <= maxBytes then break end
      if dropped > 0 and dropped + number > 1000 then break end
      count, bytes, dropped = count - number, bytes - size, dropped + number
      oldest[i] = heads[i]
    end
    if #oldest == 0 then break end
    count = count + dropCompleted(q, oldest)
    redis.call('LPOP', q.completed, #oldest)
  end
  turn.completedCount, turn.completedBytes = count, bytes
end
