#!lua flags=allow-oom
-- A page of the jobs of a group: those that wait in the order in which they start, then those that run.
-- atomic because a page must come from one moment.
--
-- KEYS  all of the queue
-- ARGV  1 key   2 cursor ('' the first page): 'w' or 'r', the first of those that wait or run, and the member behind which it goes on
--       3 most jobs
-- returns { cursor or '' at the end, ids }
-- include lib/keys
-- include lib/lane-of
local low, high = rangeOf(ARGV[1])
local part, member, most, ids = string.sub(ARGV[2], 1, 1), string.sub(ARGV[2], 2), tonumber(ARGV[3]), {}

local function add(store, from, idIn)
  local page = redis.call('ZRANGEBYLEX', store, from ~= '' and '(' .. from or low, high, 'LIMIT', 0, most - #ids)
  for i = 1, #page do ids[#ids + 1] = idIn(page[i]) end
  return page[#page]
end

if part ~= 'r' then
  local last = add(q.grouped, member, readyIdIn)
  if #ids == most then return { 'w' .. last, ids } end
  member = ''
end
local last = add(q.flying, member, flyingIdIn)
return { #ids == most and 'r' .. (last or '') or '', ids }
