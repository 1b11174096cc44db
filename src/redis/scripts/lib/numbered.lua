-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, answered = string.match(redis.call('HGET', q.meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return answered end
local function answer(text)
  redis.call('HSET', q.meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
