#!lua
-- Adds ends of runs to the series of a queue: minutes, ten minutes and hours, a ring each, for the queue and for each job name.
-- atomic because processes add to the same fields, and a repeated call must add nothing.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 version of the process, or ''   4 ms when it started
--       5… rows of 4: job name ('' the queue as a whole), then outcomes, waits and runs as letters and numbers
-- returns '1'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
local hour = math.floor(now / 3600000)
local series = { { 'm', 60 * 1000, RULES.minuteSlots }, { 't', 600 * 1000, RULES.tenMinuteSlots },
  { 'h', 3600 * 1000, RULES.hourSlots } }

-- `names` has each job name and the hour in which it was counted last. One that all its series have outlived makes room.
local names, order, hasNews = {}, {}, false
for name, seen in string.gmatch(redis.call('HGET', q.stats, 'names') or '', '(%S+) (%d+)') do
  names[name] = tonumber(seen)
  order[#order + 1] = name
end
local function dropSeries(name)
  for i = 1, 3 do
    local fields = {}
    for slot = 0, series[i][3] - 1 do fields[slot + 1] = series[i][1] .. slot .. ':' .. name end
    redis.call('HDEL', q.stats, unpack(fields))
  end
end
local function placeFor(name)
  if name == '' or names[name] == hour then return name end
  if not names[name] then
    if #order >= RULES.mostStatNames then
      local old
      for i = 1, #order do if names[order[i]] < hour - RULES.hourSlots then old = i end end
      if old then
        dropSeries(order[old])
        names[order[old]] = nil
        table.remove(order, old)
      elseif name ~= 'other' then
        return placeFor('other')
      end
    end
    order[#order + 1] = name
  end
  names[name] = hour
  hasNews = true
  return name
end

-- Sums two texts of letters and numbers.
local function sumOf(one, other)
  if one == '' then return other end
  local sums, letters, parts = {}, {}, {}
  for letter, number in string.gmatch(one .. other, '(%a)(%d+)') do
    if not sums[letter] then letters[#letters + 1] = letter end
    sums[letter] = (sums[letter] or 0) + number
  end
  for i = 1, #letters do parts[i] = letters[i] .. string.format('%.0f', sums[letters[i]]) end
  return table.concat(parts)
end

for i = 5, #ARGV, 4 do
  local name = placeFor(ARGV[i])
  local fields, slots, write = {}, {}, {}
  for s = 1, 3 do
    slots[s] = string.format('%.0f', math.floor(now / series[s][2]))
    fields[s] = series[s][1] .. slots[s] % series[s][3] .. ':' .. name
  end
  local stored = redis.call('HMGET', q.stats, unpack(fields))
  for s = 1, 3 do
    local slot, outcomes, waits, runs = string.match(stored[s] or '', '^(%d+) (%w*) (%w*) (%w*)$')
    if slot ~= slots[s] then outcomes, waits, runs = '', '', '' end -- of an earlier round of the ring
    write[s * 2 - 1] = fields[s]
    write[s * 2] = table.concat({ slots[s], sumOf(outcomes, ARGV[i + 1]), sumOf(waits, ARGV[i + 2]), sumOf(runs, ARGV[i + 3]) }, ' ')
  end
  redis.call('HSET', q.stats, unpack(write))
end
if hasNews then
  for i = 1, #order do order[i] = order[i] .. ' ' .. names[order[i]] end
  redis.call('HSET', q.stats, 'names', table.concat(order, ' '))
end

-- A release is marked where the one before it, by the starts of processes, was another one.
local function markDeploy(version, startedAt)
  local before, marks, isMarked = redis.call('HGET', q.stats, 'deploys') or '', {}, false
  local last
  local function mark(at, each)
    if last ~= each then marks[#marks + 1] = string.format('%.0f', at) .. ' ' .. each end
    last = each
  end
  for at, each in string.gmatch(before, '(%d+) (%S+)') do
    if not isMarked and startedAt < tonumber(at) then
      mark(startedAt, version)
      isMarked = true
    end
    mark(tonumber(at), each)
  end
  if not isMarked then mark(startedAt, version) end
  while #marks > RULES.mostDeploys do table.remove(marks, 1) end
  local after = table.concat(marks, ' ')
  if after ~= before then redis.call('HSET', q.stats, 'deploys', after) end
end
if ARGV[3] ~= '' then markDeploy(ARGV[3], tonumber(ARGV[4])) end
local reply = answer(1)
redis.call('PEXPIRE', q.stats, (RULES.hourSlots + 24) * 3600000)
return reply
