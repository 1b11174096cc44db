#!lua
-- Stores a batch of jobs, all or none.
-- atomic because a job's envelope, its user id and its place in a queue must appear together.
-- Without allow-oom: a full Redis refuses the batch before anything is written.
-- Redis undoes nothing where a script stops in the middle, because its user may not run a command or a key has another type.
-- So claims come before records, records before the record of the call, and that before the places: the same call again
-- finds what is missing, and another call with the same user id finds a claim that is marked as unfinished.
--
-- A few jobs for which a worker waits are not queued first: they are reserved for it and handed over as its wake-up.
--
-- KEYS  1 meta HASH       2 jobs HASH        3 ready LIST     4 idle SET        5 priority ZSET    6 inflight HASH
--       7 workers ZSET    8 scheduled ZSET   9 parked ZSET   10 suspects LIST  11 ids HASH       12 levels HASH   (plain: 1–10)
-- ARGV  1 caller (a producer's lane)   2 call number   3 mode: 'plain' | 'full'
--       plain: id, envelope …
--       full:  id, envelope, user id or '', due: '' now | '+ms' from now | 'ms' an instant, priority …
-- returns { now, outcomes }, outcomes = {} when every job was created, or when the call is older than the caller's last;
--         else one entry per job: '' created | state ' ' id of the job that has this user id already
local meta, jobs, ready, idle, priority = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local inflight, workers, scheduled, parked, suspects = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local recordField = '@' .. ARGV[1]
local redisCall = redis.call
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)

-- As scripts/lib/publish.lua, which is not included: producers in other languages run this file as it is.
local function publish(channel, text)
  local heard = redis.pcall('PUBLISH', channel, text)
  return type(heard) == 'number' and heard or 0
end

-- Asked before a message leaves. What PUBLISH answers says nothing of receivers on replicas, which get every message, too.
local function isHeardHere(channel)
  local reply = redis.pcall('PUBSUB', 'NUMSUB', channel)
  return reply[2] ~= nil and reply[2] > 0
end

local state = redisCall('HMGET', meta, 'paused', 'listen', 'fence', recordField)
-- What became of the jobs of a repeated call: its reply was lost, or it stopped in the middle.
local told
if state[4] then
  local number, outcomeText = string.match(state[4], '^(%d+) %d+ (.*)$')
  -- A socket that was given up may deliver its bytes long after the repeated call: nobody waits for that reply.
  if tonumber(number) > tonumber(ARGV[2]) then return { nowText, {} } end
  if number == ARGV[2] then
    told = {}
    for outcome in string.gmatch(outcomeText, '([^,]*),') do told[#told + 1] = outcome end
  end
end

local listening = state[2] and tonumber(state[2]) > now
local events, envelopeOf = {}, {}
-- As scripts/lib/news.lua.
local function tellEvent(event, id)
  local line = string.match(envelopeOf[id], '^[^\n]*')
  if #line > 8192 or string.find(line, '\t', 1, true) then line = '' end
  events[#events + 1] = event .. ' ' .. id .. ' \t' .. line .. '\t'
end
local outcomes, known = {}, false
local pushed, earlier = {}, false
local last = #ARGV
-- From here on a turn looks at how long envelopes are, before it takes them.
local long = false
-- Of a full call: user ids with their jobs, and what goes elsewhere than into the list.
local claims, ranked, later = {}, {}, {}

-- Whether a job is anywhere, or has been: only records of unfinished calls lie nowhere. For what is rare: it may search the list.
local isPlaced = (told or ARGV[3] ~= 'plain') and function(id)
  local text = redisCall('HGET', jobs, id)
  local head = text and string.byte(text)
  if not head or head == 67 or head == 88 or head == 68 then return true end
  if redisCall('HEXISTS', inflight, id) == 1 then return true end
  if redisCall('ZSCORE', scheduled, id) or redisCall('ZSCORE', priority, id) then return true end
  if redisCall('EXISTS', suspects) == 1 and redisCall('LPOS', suspects, id) then return true end
  if redisCall('EXISTS', parked) == 1 then
    local name = string.match(string.match(text, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
    if redisCall('ZSCORE', parked, name .. ' ' .. id) then return true end
  end
  return redisCall('LPOS', ready, id, 'RANK', -1) ~= false
end

if ARGV[3] == 'plain' then
  if not told then redisCall('HSET', jobs, unpack(ARGV, 4, last)) end
  local at = 0
  for i = 4, last, 2 do
    at = at + 1
    pushed[at] = ARGV[i]
    if listening then envelopeOf[ARGV[i]] = ARGV[i + 1] end
    if #ARGV[i + 1] > 16384 then long = true end
  end
  if told and at > 0 and isPlaced(pushed[at]) then pushed = {} end -- they are pushed by one command
else
  local ids, levels = KEYS[11], KEYS[12]

  -- What became of the jobs that have these user ids, asked for together: outcomes by user id, none where nobody has it.
  local function outcomesOf(userIds)
    local outcomeOf, held, ofUser = {}, {}, {}
    if #userIds == 0 then return outcomeOf end
    local holders = redisCall('HMGET', ids, unpack(userIds))
    for i = 1, #userIds do
      local id = holders[i]
      -- The mark of a call that stopped in the middle. A job that got no place is not there; one that did is, from now on.
      if id and string.byte(id, -1) == 63 then
        id = string.sub(id, 1, -2)
        if isPlaced(id) and redisCall('HEXISTS', jobs, id) == 1 then
          redisCall('HSET', ids, userIds[i], id)
        else
          redisCall('HDEL', levels, id)
          redisCall('HDEL', jobs, id)
          id = false
        end
      end
      if id then
        held[#held + 1] = id
        ofUser[#held] = userIds[i]
      end
    end
    if #held == 0 then return outcomeOf end
    local running, due = redisCall('HMGET', inflight, unpack(held)), redisCall('ZMSCORE', scheduled, unpack(held))
    local someParked = redisCall('EXISTS', parked) == 1
    local function stateOf(i, text)
      local head = string.byte(text)
      if head == 67 then return 'completed' elseif head == 88 then return 'cancelled' elseif head == 68 then return 'dead' end
      if running[i] then return 'active' elseif due[i] then return 'scheduled' end
      if someParked then
        local name = string.match(string.match(text, '^[^\n]*'), '"n"%s*:%s*"([^"]*)"') or 'default'
        if redisCall('ZSCORE', parked, name .. ' ' .. held[i]) then return 'parked' end
      end
      return 'ready'
    end
    for i = 1, #held do
      local text = redisCall('HGET', jobs, held[i]) -- one at a time: payloads may be large
      -- A job that was lost by hand leaves its id free again.
      outcomeOf[ofUser[i]] = text and stateOf(i, text) .. ' ' .. held[i]
    end
    return outcomeOf
  end

  -- Milliseconds since 1970, 0 for now.
  local function dueOf(text)
    if text == '' then return 0 end
    return tonumber(text) + (string.byte(text) == 43 and now or 0)
  end

  local outcomeOf = {}
  if not told then
    local userIds = {}
    for i = 6, last, 5 do
      if ARGV[i] ~= '' then userIds[#userIds + 1] = ARGV[i] end
    end
    outcomeOf = outcomesOf(userIds)
  end

  -- Scores stay numbers: the server writes them with all their digits, and faster.
  local fields, marked, leveled = {}, {}, {}
  local count = 0
  for i = 4, last, 5 do
    local id, userId, dueAt, level = ARGV[i], ARGV[i + 2], dueOf(ARGV[i + 3]), ARGV[i + 4]
    count = count + 1
    local outcome = userId ~= '' and outcomeOf[userId]
    if told then outcome = told[count] ~= '' and told[count] end
    if outcome then
      known = true
      -- A job of this very call has it: that one's place among the arguments.
      if type(outcome) == 'number' then
        outcome = (dueOf(ARGV[outcome + 3]) > now and 'scheduled ' or 'ready ') .. ARGV[outcome]
      end
    else
      if userId ~= '' then
        claims[#claims + 1] = userId
        claims[#claims + 1] = id
        marked[#claims - 1] = userId
        marked[#claims] = id .. '?'
        outcomeOf[userId] = i
      end
      if not told or not isPlaced(id) then
        fields[#fields + 1] = id
        fields[#fields + 1] = ARGV[i + 1]
        if listening then envelopeOf[id] = ARGV[i + 1] end
        if #ARGV[i + 1] > 16384 then long = true end
        if level ~= '0' then
          if not string.find(level, '^[1-9]$') then return redis.error_reply('ERR priority "' .. level .. '" is not one of 0 to 9') end
          leveled[#leveled + 1] = id
          leveled[#leveled + 1] = level
        end
        if dueAt > now then
          later[#later + 1] = dueAt
          later[#later + 1] = id
          if listening then tellEvent('scheduled', id) end
        elseif level ~= '0' then
          ranked[#ranked + 1] = (9 - level) * 562949953421312 + 281474976710656
          ranked[#ranked + 1] = id
          if listening then tellEvent('enqueued', id) end
        else
          pushed[#pushed + 1] = id
        end
      end
    end
    outcomes[count] = outcome or ''
  end
  if told then
    -- Whose claim another call has taken over meanwhile has lost its record: it counts as placed.
    local unfinished, holders = {}, {}
    for i = 1, #claims, 2 do unfinished[#unfinished + 1] = claims[i] end
    if #unfinished > 0 then holders = redisCall('HMGET', ids, unpack(unfinished)) end
    unfinished = {}
    for i = 1, #claims, 2 do
      if holders[(i + 1) / 2] == marked[i + 1] then
        unfinished[#unfinished + 1] = claims[i]
        unfinished[#unfinished + 1] = claims[i + 1]
      end
    end
    claims = unfinished
  else
    if #marked > 0 then redisCall('HSET', ids, unpack(marked)) end
    if #leveled > 0 then redisCall('HSET', levels, unpack(leveled)) end
    if #fields > 0 then redisCall('HSET', jobs, unpack(fields)) end
  end
end

if long then redisCall('HSET', meta, 'long', '1') end
if not told then
  redisCall('HSET', meta, recordField,
    ARGV[2] .. ' ' .. t[1] .. ' ' .. (known and (table.concat(outcomes, ',') .. ',') or ''))
end
if #ranked > 0 then
  earlier = true
  local position = redisCall('HINCRBY', meta, 'back', #ranked / 2) - #ranked / 2
  for i = 1, #ranked, 2 do
    position = position + 1
    ranked[i] = ranked[i] + position
  end
  redisCall('ZADD', priority, unpack(ranked))
end
if #later > 0 then
  local before = redisCall('ZRANGE', scheduled, 0, 0)[1]
  redisCall('ZADD', scheduled, unpack(later))
  -- Idle workers sleep until the earliest due time they know: an earlier one must be told.
  if redisCall('ZRANGE', scheduled, 0, 0)[1] ~= before then earlier = true end
end

-- The next worker that waits, and where it listens. It is listed no more: its next turn lists it again.
local prefix, queue
local function nextIdle()
  -- The jobs are stored, or about to be: that nobody can be woken refuses none of them.
  local worker = redis.pcall('SPOP', idle)
  if type(worker) ~= 'string' then return false end
  if not queue then prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$') end
  return worker, prefix .. ':wake:' .. worker
end

-- Reserves jobs for a worker that asked for work within the last second: one that stands still is woken as any other. One that
-- does not listen on this server is only woken: a message that carries a job never leaves unless the job is reserved.
local function handOver(worker, channel, given)
  local askedAt, leaseMs, room = string.match(redisCall('HGET', meta, '@' .. worker) or '', '^%d+ (%d+) %d+ (%d+) (%d+) ')
  if not askedAt or t[1] - askedAt > 1 or #given > tonumber(room) then return false end
  if redisCall('EXISTS', ready, priority) > 0 or not isHeardHere(channel) then return false end
  local first = math.max(tonumber(state[3] or 0) + 1, now * 1000)
  local tokens, messages = {}, {}
  for i = 1, #given do
    local id, fence = given[i], string.format('%.0f', first + i - 1)
    messages[i] = queue .. '\n' .. fence .. ' ' .. id .. '\n' .. redisCall('HGET', jobs, id)
    tokens[i * 2 - 1] = id
    tokens[i * 2] = worker .. ':' .. fence
  end
  redisCall('HSET', meta, 'fence', string.format('%.0f', first + #given - 1),
    '@' .. worker .. '!', string.format('0 %s %.0f:%s', t[1], first, table.concat(given, ',')))
  redisCall('ZADD', workers, string.format('%.0f', now + tonumber(leaseMs)), worker)
  redisCall('HSET', inflight, unpack(tokens))
  for i = 1, #given do
    -- Refused: it did not leave. Whatever else PUBLISH answers, the job is that worker's from here on, or its lease brings it back.
    if i == 1 and type(redis.pcall('PUBLISH', channel, messages[i])) ~= 'number' then
      redisCall('HDEL', inflight, unpack(given))
      return false
    end
    if i > 1 then publish(channel, messages[i]) end
    if listening then
      tellEvent('enqueued', given[i])
      tellEvent('active', given[i])
    end
  end
  return true
end

local worker, channel
if not state[1] and (#pushed > 0 or earlier) then worker, channel = nextIdle() end
if worker and #pushed > 0 and #pushed <= 8 and not earlier and not long and handOver(worker, channel, pushed) then
  pushed = {}
  worker = nil
end
if #pushed > 0 then
  redisCall('RPUSH', ready, unpack(pushed))
  if listening then
    for i = 1, #pushed do tellEvent('enqueued', pushed[i]) end
  end
end
if #claims > 0 then redisCall('HSET', KEYS[11], unpack(claims)) end

for i = 1, 8 do
  -- No receiver: that worker died idle, the next one is asked.
  if not worker or publish(channel, queue) > 0 then break end
  worker, channel = nextIdle()
end
if #events > 0 then
  publish(string.sub(meta, 1, -5) .. 'events', nowText .. '\n' .. table.concat(events, '\n'))
end
return { nowText, known and outcomes or {} }
