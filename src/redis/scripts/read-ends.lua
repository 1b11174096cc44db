#!lua flags=allow-oom
-- What own retention needs of the jobs that ended behind a place, oldest first: no payloads. A page ends early at half a
-- mebibyte of records.
-- atomic because an element and the records that it names must fit.
--
-- KEYS  all of the queue
-- ARGV  1 state   2 place ('' = from the oldest)   3 most jobs
-- returns { now, place behind this page, more 1|0, a line per job: id, letter and ms of its end, bytes, first line of its envelope }
-- A place of completed jobs is `ms:words`: the ms of an element, and how many words of the elements of that ms were read. Of
-- others it is `ms:id`, without the id where all were read: more may end in that ms.
-- include lib/keys
local state, place, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/size
-- include lib/each-word
-- include lib/rank-of
local lines, room = {}, RULES.mostLookedUp

local function add(id, record)
  room = room - #record
  lines[#lines + 1] = id .. ' ' .. string.sub(record, 1, 14) .. ' ' .. sizeOf(q, id, record) .. ' ' .. headOf(record)
end
local function isFull()
  return #lines >= limit or room <= 0
end
local function answer(more)
  return { string.format('%.0f', now), place, more, table.concat(lines, '\n') }
end

if state ~= 'completed' then
  local store = state == 'dead' and q.dead or q.cancelled
  local from = 0
  local score, member = string.match(place, '^(%d+):(.*)$')
  if score then
    local before, taken = rankOf(store, score, member)
    from = before + taken
  end
  local page = redis.call('ZRANGE', store, from, from + limit - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    local at = string.format('%.0f', tonumber(page[i + 1]))
    place = at .. ':' .. page[i]
    local record = redis.call('HGET', q.jobs, page[i])
    if record then add(page[i], record) end
    if isFull() and from + (i + 1) / 2 < redis.call('ZCARD', store) then return answer(1) end
  end
  if from + #page / 2 < redis.call('ZCARD', store) then return answer(1) end
  place = string.match(place, '^%d+:') or ''
  return answer(0)
end

local function instantOf(element) return tonumber(string.match(element, '^%d+')) end

local at, read = string.match(place, '^(%d+):(%d+)$')
at, read = tonumber(at or 0), tonumber(read or 0)
local size = redis.call('LLEN', q.completed)
local index, high = 0, size
while index < high do
  local middle = math.floor((index + high) / 2)
  if instantOf(redis.call('LINDEX', q.completed, middle)) < at then index = middle + 1 else high = middle end
end
local skip, words = read, 0 -- of the elements of this ms
while index < size do
  local element = redis.call('LINDEX', q.completed, index)
  local instant = instantOf(element)
  if instant ~= at then at, skip, words = instant, 0, 0 end
  local left = false
  eachWord(element, function(id)
    if left then return end
    if words >= skip and isFull() then
      left = true
      return
    end
    words = words + 1
    if words <= skip then return end
    local record = redis.call('HGET', q.jobs, id)
    if record then add(id, record) end
  end)
  place = string.format('%.0f:%d', at, math.max(words, skip))
  if left then return answer(1) end
  index = index + 1
end
return answer(0)
