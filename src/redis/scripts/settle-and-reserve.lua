#!lua flags=allow-oom
-- Ends runs and starts the next ones: applies settlements, promotes what is due, reserves up to `want` jobs.
-- atomic because a settlement, its successor state and the new leases must never be seen apart.
-- Where it stops in the middle, mend.lua puts its jobs in order and the turn is repeated: so an envelope is written before its job
-- gets a place, a list is shortened behind what was made of it, and a reserved job leaves the line last.
--
-- KEYS  1 meta HASH        2 jobs HASH        3 ready LIST       4 priority ZSET    5 scheduled ZSET
--       6 inflight HASH    7 workers ZSET     8 idle SET         9 completed LIST  10 cancelled ZSET
--      11 dead ZSET       12 ids HASH        13 levels HASH     14 crashes HASH    15 cancelling HASH
--      16 waiters HASH    17 notes HASH      18 suspects LIST   19 parked ZSET
-- ARGV  1 worker   2 caller (a worker's lane)   3 call number   4 lease ms   5 want
--       6 sum of: 1 alone, 2 may be listed idle, 4 may be handed jobs
--       7 adopt: '' none, '*' any, names joined by ' '   8 crashes until dead
--       9 fence of the last job that reached the worker by hand-over, or 0
--       then sections until the end, each: op, number of items, then its items:
--         C  keep count (-1 keeps nothing), keep bytes, token, then id, record       complete
--         K  keep count, keep bytes, token, then id, settled line                    complete; the script adds the envelope
--         R  token, then id, delay ms, envelope       retry
--         S  token, then id, delay ms, envelope or '' snooze
--         L  id, token                                release to the front
--         P  id, token, name                          park
--         X  keep count, keep bytes, then id, token   cancel
--         D  keep count, keep bytes, then id, token, detail, envelope or ''   bury
--         T  id, ms   how long a run took, for events; before the others, from a worker that was told that somebody listens
-- returns { now, fence, flags (1 paused, 2 backlog, 4 suspects, 8 parked, 16 somebody listens to events), next due ms or '', trimmed dead, lost ids,
--           cancelling ids, fences of handed jobs, reserved ids, envelopes, crashes by position or '' (all 0) }, lists as
--           text: items joined by ',', envelopes by a zero byte, because each string in a reply costs both sides as much
--           as a command; long envelopes as an array. Reserved first come those that were handed over (enqueue.lua) and have not arrived;
--         a call older than the caller's last one changes nothing and reserves nothing
local meta, jobs, ready, priority, scheduled = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local inflight, workers, idle, completed, cancelled = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local dead, ids, levels, crashes, cancelling = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local waiters, notes, suspects, parked = KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local worker, callNumber, want = ARGV[1], ARGV[3], tonumber(ARGV[5])
local recordField, handedField = '@' .. ARGV[2], '@' .. worker .. '!'
local asks = tonumber(ARGV[6])
local isAlone, isListed, takesHanded = asks % 2 == 1, asks % 4 >= 2, asks >= 4
local redisCall = redis.call
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local byte, concat = string.byte, table.concat

local state = redisCall('HMGET', meta, 'paused', 'fence', 'listen', 'completedBytes', 'completedCount', 'readyHoles',
  recordField, handedField, 'long', 'torn')
local paused = state[1] ~= false
local listening = state[3] and tonumber(state[3]) > now
local events = {}

-- One look tells whether any of the features that a plain job does not use is in use at all.
local rare = redisCall('EXISTS', ids, levels, crashes, cancelling, waiters, notes, priority, scheduled, suspects, parked) > 0

-- Whether more is ready than this turn took; nil where it did not look.
local isLeft
local function flagsOf()
  local flags = (paused and 1 or 0) + (listening and 16 or 0)
  if isLeft == nil then isLeft = redisCall('LLEN', ready) > 0 end
  if isLeft or (rare and redisCall('EXISTS', priority) == 1) then flags = flags + 2 end
  if not rare then return flags end
  if redisCall('EXISTS', suspects) == 1 then
    -- One worker at a time lets its jobs end to take a suspect alone; the others go on.
    local claimant, claimedUntil = string.match(redisCall('HGET', meta, 'suspectClaim') or '', '^(.*) (%d+)$')
    if not claimant or claimant == worker or tonumber(claimedUntil) <= now then
      redisCall('HSET', meta, 'suspectClaim', worker .. ' ' .. string.format('%.0f', now + 4 * tonumber(ARGV[4])))
      flags = flags + 4
    end
  end
  if redisCall('EXISTS', parked) == 1 then flags = flags + 8 end
  return flags
end

local function nextDueOf()
  local head = rare and redisCall('ZRANGE', scheduled, 0, 0, 'WITHSCORES') or {}
  return head[2] and string.format('%.0f', tonumber(head[2])) or ''
end

-- Long ones stay apart: Lua reads every text that it makes from end to end.
local function replyOf(envelopes)
  if #envelopes > 0 and #envelopes[1] >= 1024 then return envelopes end
  return concat(envelopes, '\0')
end

-- A repeated call: the reply of the first was lost. Same reservation again, nothing else happens.
local record = state[7]
local recorded = record and tonumber(string.match(record, '^%d+'))
if recorded and recorded >= tonumber(callNumber) then
  local fence, handed, lostText, idText = string.match(record, '^%d+ %d+ (%d+) %d+ %d+ ([^ ]*) ([^ ]*) (.*)$')
  local handedFences = {}
  local idsGiven, envelopesGiven, crashesGiven = {}, {}, {}
  -- A socket that was given up may deliver its bytes after later calls: what it reserved, nobody would run.
  if recorded == tonumber(callNumber) then
    local function give(id, token)
      if redisCall('HGET', inflight, id) ~= token then return false end
      local at = #idsGiven + 1
      idsGiven[at] = id
      envelopesGiven[at] = redisCall('HGET', jobs, id) or ''
      crashesGiven[at] = redisCall('HGET', crashes, id) or '0'
      return true
    end
    for handedFence, id in string.gmatch(handed, '(%d+):([^,]+)') do
      if give(id, worker .. ':' .. handedFence) then handedFences[#handedFences + 1] = handedFence end
    end
    for id in string.gmatch(idText, '[^,]+') do give(id, worker .. ':' .. fence) end
  else
    lostText = ''
  end
  if recorded == tonumber(callNumber) and #idsGiven < want then redisCall('SADD', idle, worker) end
  return { nowText, fence, flagsOf(), #idsGiven < want and nextDueOf() or '', 0, lostText, '', concat(handedFences, ','),
    concat(idsGiven, ','), replyOf(envelopesGiven), concat(crashesGiven, ',') }
end

-- ---------------------------------------------------------------- settle
local lost = {}
local notices, told = {}, {}
local trimmedDead = 0
local completedBytes = tonumber(state[4] or 0)
local completedCount = tonumber(state[5] or 0)
local readyHoles = tonumber(state[6] or 0)
-- How many jobs complete in this turn; of all that did, as many may stay as the strictest of its rules allows.
local added, maxCompleted, maxBytes = 0, math.huge, math.huge
local metaDirty = false
local argument, last = 10, #ARGV

local hasIds = rare and redisCall('EXISTS', ids) == 1
local hasLevels = rare and redisCall('EXISTS', levels) == 1
local hasCrashes = rare and redisCall('EXISTS', crashes) == 1
local hasCancelling = rare and redisCall('EXISTS', cancelling) == 1
local hasWaiters = rare and redisCall('EXISTS', waiters) == 1
local hasNotes = rare and redisCall('EXISTS', notes) == 1

-- What plain jobs that complete have no use for is made when something else comes: making a function costs about as much
-- as a command. Its sections are functions by their letter.
local earlier = false
local rareTools
local function tools()
  if rareTools then return rareTools end
  -- include lib/looked-up-news
  local took = {}
  local function tellEvent(event, id, record, detail)
    events[#events + 1] = newsOf(event, id, record or recordForNews(id), detail, took[id])
  end

  local function userIdOf(record)
    local envelope = record
    local head = string.byte(record)
    if head == 67 or head == 88 or head == 68 then envelope = string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1) end
    return string.match(envelope, '^1%w* ([^ {\n]+)')
  end

  -- A job leaves the store: whatever is kept beside its record goes with it.
  local function forget(id, record)
    local userId = hasIds and record and userIdOf(record)
    if userId and redisCall('HGET', ids, userId) == id then redisCall('HDEL', ids, userId) end
    if hasNotes then redisCall('HDEL', notes, id .. ':progress', id .. ':logs') end
  end

  local function levelOf(id)
    return hasLevels and tonumber(redisCall('HGET', levels, id) or 0) or 0
  end

  -- Positions lie around 2^48 inside the 2^49 of their priority: the back counts up, the front counts down.
  local function pushPriority(id, level, front)
    local position = redisCall('HINCRBY', meta, front and 'front' or 'back', front and -1 or 1)
    redisCall('ZADD', priority, string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position), id)
  end

  local function pushBack(list)
    local plain = list
    if hasLevels then
      plain = {}
      for i = 1, #list do
        local level = levelOf(list[i])
        if level > 0 then pushPriority(list[i], level, false) else plain[#plain + 1] = list[i] end
      end
    end
    if #plain > 0 then redisCall('RPUSH', ready, unpack(plain)) end
  end

  local function tell(id, line)
    if hasWaiters then
      local until_ = redisCall('HGET', waiters, id)
      if until_ then
        told[#told + 1] = id
        if tonumber(until_) >= now then notices[#notices + 1] = id .. ' ' .. line end
      end
    end
  end

  -- Ends that this script may trim: as many as it keeps and some more. Behind a limit that was lowered the janitor helps.
  local mayTrim = 100

  -- Keeps an end in one of the two small, sorted stores and trims it. Returns how many it trimmed.
  local function keepEnd(store, counter, id, line, envelope, keepCount, keepBytes)
    local text = envelope ~= '' and envelope or redisCall('HGET', jobs, id)
    local trimmed = 0
    if keepCount < 0 or not text then
      forget(id, text)
      redisCall('HDEL', jobs, id)
      return 0 -- nothing was to be kept: that is no loss
    end
    local kept = line .. '\n' .. text
    redisCall('HSET', jobs, id, kept)
    redisCall('ZADD', store, nowText, id)
    local bytes = redisCall('HINCRBY', meta, counter, #kept)
    local over = redisCall('ZCARD', store) - keepCount
    mayTrim = mayTrim + 1
    while mayTrim > 0 and (over > 0 or bytes > keepBytes) do
      local oldest = redisCall('ZRANGE', store, 0, 0)[1]
      if not oldest then break end
      local old = redisCall('HGET', jobs, oldest)
      if old then
        forget(oldest, old)
        redisCall('HDEL', jobs, oldest)
      end
      redisCall('ZREM', store, oldest)
      if old then bytes = redisCall('HINCRBY', meta, counter, -#old) end
      over = over - 1
      trimmed = trimmed + 1
      mayTrim = mayTrim - 1
    end
    return trimmed
  end

  -- Without a rule nothing is trimmed: the janitor does it, who knows what is to be kept.
  local function endCancelled(id, envelope, keepCount, keepBytes)
    local line = 'X' .. nowText .. '{"reason":"cancelled"}'
    if listening then tellEvent('cancelled', id, envelope ~= '' and envelope, '{"reason":"cancelled"}') end
    keepEnd(cancelled, 'cancelledBytes', id, line, envelope, keepCount, keepBytes)
    tell(id, line)
  end

  -- What the run came to is counted: it did not take its worker with it.
  local function absolve(id)
    if hasCrashes then redisCall('HDEL', crashes, id) end
  end

  -- Ends the leases of a section whose items are so many arguments long, from an id and its token on, where the section
  -- has not one for all. Returns where those items begin that still had their lease: of the others a newer one exists, or
  -- the job is gone.
  local function take(count, length, token)
    local asked, taken, ended = {}, {}, {}
    for i = 1, count do asked[i] = ARGV[argument + (i - 1) * length] end
    local tokens = redisCall('HMGET', inflight, unpack(asked))
    for i = 1, count do
      local at = argument + (i - 1) * length
      if tokens[i] == (token or ARGV[at + 1]) then
        taken[#taken + 1] = at
        ended[#ended + 1] = asked[i]
      else
        lost[#lost + 1] = asked[i]
      end
    end
    argument = argument + count * length
    if #ended == 0 or redisCall('HDEL', inflight, unpack(ended)) == #ended then return taken end
    -- One of them is named twice: it settles once.
    local once, seen = {}, {}
    for i = 1, #taken do
      if seen[ended[i]] then
        lost[#lost + 1] = ended[i]
      else
        seen[ended[i]] = true
        once[#once + 1] = taken[i]
      end
    end
    return once
  end

  -- A running job that somebody wants cancelled gets no further attempt.
  local function mayGoOn(id, envelope)
    if hasCancelling and redisCall('HEXISTS', cancelling, id) == 1 then
      absolve(id)
      if hasLevels then redisCall('HDEL', levels, id) end
      endCancelled(id, envelope, math.huge, math.huge)
      redisCall('HDEL', cancelling, id)
      return false
    end
    return true
  end

  local function settleAside(...)
    if hasCrashes then redisCall('HDEL', crashes, ...) end
    if hasLevels then redisCall('HDEL', levels, ...) end
    if hasCancelling then redisCall('HDEL', cancelling, ...) end
  end

  -- Jobs that completed, by pairs of id and record.
  local function afterCompletion(done, records)
    settleAside(unpack(done))
    if not hasWaiters and not listening then return end
    local at = 0
    local function tellOf(record)
      at = at + 1
      local line = string.match(record, '^[^\n]*')
      tell(done[at], line)
      if listening then
        local result = #line <= 4096 and string.sub(line, 15) or ''
        tellEvent('completed', done[at], #line < #record and record, result)
      end
    end
    for i = 2, #records, 2 do tellOf(records[i]) end
  end

  -- Those of a section that still have their lease, each once, and which of all these are.
  local function pickLeased(asked, tokens, token)
    local picked, leased, seen = {}, {}, {}
    for i = 1, #asked do
      leased[i] = tokens[i] == token and not seen[asked[i]]
      if leased[i] then
        seen[asked[i]] = true
        picked[#picked + 1] = asked[i]
      else
        lost[#lost + 1] = asked[i]
      end
    end
    if #picked > 0 then redisCall('HDEL', inflight, unpack(picked)) end
    return picked, leased
  end

  local function pickPairs(records, leased)
    local picked = {}
    for i = 1, #leased do
      if leased[i] then
        picked[#picked + 1] = records[i * 2 - 1]
        picked[#picked + 1] = records[i * 2]
      end
    end
    return picked
  end

  -- The newest error in the header of a job that failed, as core/envelope.ts writes it.
  local function newestErrorOf(envelope)
    local header = string.match(envelope, '^[^\n]*')
    return string.match(header, '^.*({"attempt":.*)%]}$') or ''
  end

  -- A section of one token, then ids, delays and envelopes: their jobs run again, at once or later.
  local function runAgain(count, event, detailOf)
    local token = ARGV[argument]
    argument = argument + 1
    local taken = take(count, 3, token)
    local envelopes, going, again = {}, {}, {}
    for i = 1, #taken do
      local at = taken[i]
      local id, envelope = ARGV[at], ARGV[at + 2]
      -- Asked here as well: hardly any job has either, and two calls cost each of them as much as a command.
      if hasCrashes then absolve(id) end
      if not hasCancelling or mayGoOn(id, envelope) then
        going[#going + 1] = at
        if envelope ~= '' then
          envelopes[#envelopes + 1] = id
          envelopes[#envelopes + 1] = envelope
        end
      end
    end
    if #envelopes > 0 then redisCall('HSET', jobs, unpack(envelopes)) end
    for i = 1, #going do
      local at = going[i]
      local id, delay = ARGV[at], ARGV[at + 1]
      if delay ~= '0' then
        rare = true
        redisCall('ZADD', scheduled, string.format('%.0f', now + tonumber(delay)), id)
        -- Idle workers sleep until the earliest due time they know: an earlier one must be told.
        if redisCall('ZRANGE', scheduled, 0, 0)[1] == id then earlier = true end
      else
        again[#again + 1] = id
      end
      if listening then
        local envelope = ARGV[at + 2]
        tellEvent(event, id, envelope ~= '' and envelope, detailOf(delay, envelope))
      end
    end
    pushBack(again)
  end

  local made = { forget = forget, pushBack = pushBack, tellEvent = tellEvent, afterCompletion = afterCompletion, pickLeased = pickLeased,
    pickPairs = pickPairs }

  function made.T(count)
    for _ = 1, count do
      took[ARGV[argument]] = ARGV[argument + 1]
      argument = argument + 2
    end
  end

  function made.R(count)
    runAgain(count, 'retrying', function(_, envelope) return newestErrorOf(envelope) end)
  end

  function made.S(count)
    runAgain(count, 'snoozed', function(delay) return delay end)
  end

  function made.L(count)
    local taken = take(count, 2)
    -- Last first, so that the first of them is the first to run again.
    for i = #taken, 1, -1 do
      local id = ARGV[taken[i]]
      if mayGoOn(id, '') then
        -- A suspect that goes back unfinished is still one: elsewhere it would run beside others.
        local crashed = hasCrashes and tonumber(redisCall('HGET', crashes, id) or 0) or 0
        local level = levelOf(id)
        if crashed > 0 and crashed >= tonumber(ARGV[8]) - 1 then redisCall('LPUSH', suspects, id)
        elseif level > 0 then pushPriority(id, level, true)
        else redisCall('LPUSH', ready, id) end
        if listening then tellEvent('released', id, false, '') end
      end
    end
  end

  function made.P(count)
    for _, at in ipairs(take(count, 3)) do
      local id, name = ARGV[at], ARGV[at + 2]
      if mayGoOn(id, '') then
        rare = true
        redisCall('ZADD', parked, 0, name .. ' ' .. id)
        redisCall('PUBLISH', string.sub(meta, 1, -5) .. 'signals', 'parked ' .. name)
        if listening then tellEvent('parked', id, false, name) end
      end
    end
  end

  function made.X(count)
    local keepCount, keepBytes = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1])
    argument = argument + 2
    for _, at in ipairs(take(count, 2)) do
      settleAside(ARGV[at])
      endCancelled(ARGV[at], '', keepCount, keepBytes)
    end
  end

  function made.D(count)
    local keepCount, keepBytes = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1])
    argument = argument + 2
    for _, at in ipairs(take(count, 4)) do
      local id, detail = ARGV[at], ARGV[at + 2]
      settleAside(id)
      local line = 'D' .. nowText .. detail
      if listening then tellEvent('dead', id, ARGV[at + 3] ~= '' and ARGV[at + 3], detail) end
      trimmedDead = trimmedDead + keepEnd(dead, 'deadBytes', id, line, ARGV[at + 3], keepCount, keepBytes)
      tell(id, line)
    end
  end

  rareTools = made
  return made
end

while argument <= last do
  local op, count = ARGV[argument], tonumber(ARGV[argument + 1])
  argument = argument + 2
  if op == 'C' or op == 'K' then
    local keepCount, keepBytes, token = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1]), ARGV[argument + 2]
    argument = argument + 3
    -- The jobs of the section, by number; their records, in pairs with the numbers.
    local done, records = {}, { unpack(ARGV, argument, argument + count * 2 - 1) }
    for i = 1, count do done[i] = records[i * 2 - 1] end
    argument = argument + count * 2
    local tokens = redisCall('HMGET', inflight, unpack(done))
    local stale = false
    for i = 1, count do
      if tokens[i] ~= token then stale = true end
    end
    -- Fewer than were asked for: one of them is named twice, and settles once.
    if stale or redisCall('HDEL', inflight, unpack(done)) < count then
      local leased
      done, leased = tools().pickLeased(done, tokens, token)
      records = tools().pickPairs(records, leased)
    end
    if #done > 0 and (hasCrashes or hasLevels or hasCancelling or hasWaiters or listening) then
      tools().afterCompletion(done, records)
    end
    if #done > 0 and keepCount < 0 then
      if hasIds or hasNotes then
        local envelopes = redisCall('HMGET', jobs, unpack(done))
        local forget = tools().forget
        for i = 1, #done do forget(done[i], envelopes[i]) end
      end
      redisCall('HDEL', jobs, unpack(done))
    elseif #done > 0 then
      local bytes = 0
      if op == 'K' then
        local envelopes = redisCall('HMGET', jobs, unpack(done))
        for i = 1, #done do records[i * 2] = records[i * 2] .. '\n' .. (envelopes[i] or '1\nnull') end
      end
      redisCall('HSET', jobs, unpack(records))
      for i = 2, #records, 2 do bytes = bytes + #records[i] end
      -- One element tells of all that ended together: when, how many bytes, how many jobs, which.
      redisCall('RPUSH', completed, nowText .. ' ' .. bytes .. ' ' .. #done .. ' ' .. concat(done, ' '))
      completedCount = completedCount + #done
      completedBytes = completedBytes + bytes
      added = added + #done
      maxCompleted, maxBytes = math.min(maxCompleted, keepCount), math.min(maxBytes, keepBytes)
      metaDirty = true
    end
  else
    local settle = tools()[op]
    if not settle then error('unknown settlement ' .. tostring(op)) end
    settle(count)
  end
end

-- ---------------------------------------------------------------- trim
-- The oldest ones go together: never fewer than the limit stay, unless they take too much room. Past a large limit some more
-- may stay for a while: eight elements go at the price of one. Far more than come never go in one turn: the janitor helps.
if completedCount > maxCompleted + (maxCompleted >= 1000 and 50 or 0) or completedBytes > maxBytes then
  -- include lib/drop-completed
  local forget = (hasIds or hasNotes) and tools().forget
  local dropped = 0
  while dropped < added + 100 and (completedCount > maxCompleted or completedBytes > maxBytes) do
    local heads, oldest = redisCall('LRANGE', completed, 0, 7), {}
    for i = 1, #heads do
      local size, number = string.match(heads[i], '^%d+ (%d+) (%d+)')
      size, number = tonumber(size), tonumber(number)
      if completedCount - number < maxCompleted and completedBytes <= maxBytes then break end
      if dropped > 0 and dropped + number > 1000 then break end
      completedCount = completedCount - number
      completedBytes = completedBytes - size
      dropped = dropped + number
      oldest[i] = heads[i]
    end
    if #oldest == 0 then break end
    local missing = dropCompleted(oldest, forget)
    redisCall('LPOP', completed, #oldest)
    completedCount = completedCount + missing
  end
end

-- ---------------------------------------------------------------- promote
local due = rare and redisCall('ZRANGEBYSCORE', scheduled, '-inf', nowText, 'LIMIT', 0, 500) or {}
if #due > 0 then
  redisCall('HSET', meta, 'torn', (state[10] or '') .. ' ' .. concat(due, ' ')) -- as lib/journal.lua
  metaDirty = true
  redisCall('ZREMRANGEBYRANK', scheduled, 0, #due - 1) -- the due ones are the first of the set
  tools().pushBack(due)
  if listening then
    for i = 1, #due do tools().tellEvent('promoted', due[i], false, '') end
  end
end

-- ---------------------------------------------------------------- reserve
-- Jobs that were handed over and have not arrived come with this reply; they take room of what is asked for.
local handedIds, handedFences, handed = {}, {}, ''
if state[8] then
  local first, given = string.match(state[8], '^0 %d+ (%d+):(.*)$')
  first = tonumber(first)
  for id in string.gmatch(given, '[^,]+') do
    local fence = string.format('%.0f', first)
    if first > tonumber(ARGV[9]) and redisCall('HGET', inflight, id) == worker .. ':' .. fence then
      handedIds[#handedIds + 1] = id
      handedFences[#handedFences + 1] = fence
      handed = handed .. (handed == '' and '' or ',') .. fence .. ':' .. id
    end
    first = first + 1
  end
  if handed == '' then
    redisCall('HDEL', meta, handedField)
  else
    want = math.max(want - #handedIds, 0)
    redisCall('ZADD', workers, now + tonumber(ARGV[4]), worker) -- they start only now
  end
end
local reserved, envelopes, crashCounts = {}, {}, nil
local got, room = 0, want
local fenceText = state[2] or '0'
local fence = tonumber(fenceText)
local hasSuspects = rare and redisCall('EXISTS', suspects) == 1
-- What leaves the lines once it is reserved: so many from the front of two lists, and members of two sets.
local fromReady, fromSuspects, fromPriority, fromParked = 0, 0, nil, nil
if want > 0 and not paused then
  -- Where payloads are or were long: no more of them in one turn than Lua copies in some 2 ms, but always one.
  local most = want
  if state[9] then
    local waiting = rare and redisCall('ZRANGE', priority, 0, want - 1) or {}
    if #waiting == 0 then waiting = redisCall('LRANGE', ready, 0, want - 1) end
    local bytes = 0
    for i = 1, #waiting do
      bytes = bytes + redisCall('HSTRLEN', jobs, waiting[i])
      if bytes > 524288 then
        most = math.max(i - 1, 1)
        break
      end
    end
  end
  local function accept(popped)
    local texts = redisCall('HMGET', jobs, unpack(popped))
    for i = 1, #popped do
      local text = texts[i]
      -- Only live envelopes begin with their version: removed and cancelled jobs left a hole here.
      local head = text and byte(text)
      if text and head ~= 67 and head ~= 88 and head ~= 68 then
        got = got + 1
        reserved[got] = popped[i]
        envelopes[got] = text
      else
        readyHoles = readyHoles - 1
        metaDirty = true
      end
    end
  end
  if hasSuspects and isAlone and handed == '' then
    while got == 0 do
      local suspect = redisCall('LINDEX', suspects, fromSuspects)
      if not suspect then break end
      fromSuspects = fromSuspects + 1
      local holesBefore = readyHoles
      accept({ suspect })
      readyHoles = holesBefore -- holes of this list are not counted: it is short
    end
    if got > 0 then room = 1 end -- nothing may run beside it
  end
  if got == 0 then
    local best = rare and redisCall('ZRANGE', priority, 0, most - 1) or {}
    if #best > 0 then
      fromPriority = best
      accept(best)
    end
    local rounds = 0
    while got < most and rounds < 8 do
      rounds = rounds + 1
      -- One more than is wanted: it tells whether any is left.
      local popped = redisCall('LRANGE', ready, fromReady, fromReady + most - got)
      isLeft = #popped > most - got
      if isLeft then popped[#popped] = nil end
      fromReady = fromReady + #popped
      if #popped > 0 then accept(popped) end
      if not isLeft then
        if readyHoles ~= 0 then
          readyHoles = 0 -- an empty list has none, whatever was done to it by hand
          metaDirty = true
        end
        break
      end
    end
    if got < most and ARGV[7] ~= '' and rare and redisCall('EXISTS', parked) == 1 then
      local adopted = {}
      if ARGV[7] == '*' then
        adopted = redisCall('ZRANGE', parked, 0, most - got - 1)
      else
        for name in string.gmatch(ARGV[7], '[^ ]+') do
          local room = most - got - #adopted
          if room <= 0 then break end
          local members = redisCall('ZRANGEBYLEX', parked, '[' .. name .. ' ', '(' .. name .. '!', 'LIMIT', 0, room)
          for i = 1, #members do
            -- Only an id may follow: "resize all" is another name than "resize".
            if not string.find(members[i], ' ', #name + 2, true) then adopted[#adopted + 1] = members[i] end
          end
        end
      end
      if #adopted > 0 then
        fromParked = adopted
        local popped = {}
        for i = 1, #adopted do popped[i] = string.match(adopted[i], '([^ ]+)$') end -- a foreign name may hold spaces
        local holesBefore = readyHoles
        accept(popped)
        readyHoles = holesBefore
      end
    end
  end
  if got > 0 then
    fence = math.max(fence + 1, now * 1000)
    fenceText = string.format('%.0f', fence)
    local token = worker .. ':' .. fenceText
    local fields = {}
    for i = 1, got do
      fields[i * 2 - 1] = reserved[i]
      fields[i * 2] = token
    end
    redisCall('HSET', inflight, unpack(fields))
    redisCall('ZADD', workers, now + tonumber(ARGV[4]), worker)
    if hasCrashes then crashCounts = redisCall('HMGET', crashes, unpack(reserved)) end
    if listening then
      for i = 1, got do tools().tellEvent('active', reserved[i], envelopes[i], '') end
    end
    metaDirty = true
  end
end

-- ---------------------------------------------------------------- tell
local lostText, reservedText = concat(lost, ','), concat(reserved, ',')
record = callNumber .. ' ' .. t[1] .. ' ' .. fenceText .. ' ' .. ARGV[4] .. ' '
  .. (takesHanded and got < room and room - got or 0) .. ' ' .. handed .. ' ' .. lostText .. ' ' .. reservedText
if metaDirty then
  redisCall('HSET', meta, recordField, record, 'fence', fenceText, 'completedBytes', completedBytes,
    'completedCount', completedCount, 'readyHoles', readyHoles)
else
  redisCall('HSET', meta, recordField, record)
end
if fromReady > 0 then redisCall('LTRIM', ready, fromReady, -1) end
if fromSuspects > 0 then redisCall('LPOP', suspects, fromSuspects) end
if fromPriority then redisCall('ZREM', priority, unpack(fromPriority)) end
if fromParked then redisCall('ZREM', parked, unpack(fromParked)) end
if #due > 0 then redisCall('HSET', meta, 'torn', state[10] or '') end

-- Before others are told: it must not be told of what it leaves behind itself.
if isListed then redisCall('SREM', idle, worker) end
local flags = flagsOf()
if not paused and (flags % 4 >= 2 or earlier) then
  for i = 1, 8 do
    local other = redisCall('SPOP', idle)
    if not other then break end
    local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
    -- No receiver: that worker died idle, the next one is asked.
    if redisCall('PUBLISH', prefix .. ':wake:' .. other, queue) > 0 then break end
  end
end
local nextDue = ''
if got < want then
  -- Capacity left: whoever makes a job ready next tells this worker.
  redisCall('SADD', idle, worker)
  nextDue = nextDueOf()
end
if #notices > 0 then redisCall('PUBLISH', string.sub(meta, 1, -5) .. 'settled', concat(notices, '\n')) end
if #told > 0 then redisCall('HDEL', waiters, unpack(told)) end -- last: whoever mends tells the others
if #events > 0 then
  redisCall('PUBLISH', string.sub(meta, 1, -5) .. 'events', nowText .. '\n' .. concat(events, '\n'))
end

local mine = {}
if hasCancelling then
  for _, id in ipairs(redisCall('HKEYS', cancelling)) do
    local token = redisCall('HGET', inflight, id)
    if token and string.sub(token, 1, #worker + 1) == worker .. ':' then mine[#mine + 1] = id end
  end
end
local crashText = ''
if crashCounts then
  for i = 1, got do crashCounts[i] = crashCounts[i] or '0' end
  crashText = string.rep('0,', #handedIds) .. concat(crashCounts, ',')
end
if #handedIds > 0 then
  local late = redisCall('HMGET', jobs, unpack(handedIds))
  for i = #handedIds, 1, -1 do table.insert(envelopes, 1, late[i] or '') end
  reservedText = concat(handedIds, ',') .. (got > 0 and ',' or '') .. reservedText
end
return { nowText, fenceText, flags, nextDue, trimmedDead, lostText, concat(mine, ','), concat(handedFences, ','), reservedText,
  replyOf(envelopes), crashText }
