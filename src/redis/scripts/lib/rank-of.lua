-- Byte by byte, as sorted sets compare; Lua's own order depends on the server's language.
local function isBefore(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- How many members come before this place, and whether it is taken.
local function rankOf(store, score, member)
  local kept = redis.call('ZSCORE', store, member)
  if kept and tonumber(kept) == tonumber(score) then return redis.call('ZRANK', store, member), 1 end
  local low = redis.call('ZCOUNT', store, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', store, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isBefore(redis.call('ZRANGE', store, middle, middle)[1], member) then low = middle + 1 else high = middle end
  end
  return low, 0
end
