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
-- KEYS  all of the queue
-- ARGV  1 caller (a producer's lane)   2 call number   3 mode: 'plain' | 'full'
--       plain: id, envelope …
--       full:  id, envelope, due: '' now | '+ms' from now | 'ms' an instant, traits: '' or lines (lib/traits) …
-- returns { now, outcomes }, outcomes = {} when every job was created, or when the call is older than the caller's last;
--         else one entry per job: '' created | state ' ' id of the job that has this user id already
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/publish
-- include lib/state
-- include lib/admit
-- include lib/place
-- include lib/hand-over
local recordField = '@' .. ARGV[1]
local fence, record = readState(q, now, 'fence', recordField)
q.fence, q.seconds = fence, t[1]

-- What became of the jobs of a repeated call: its reply was lost, or it stopped in the middle.
local told
if record then
  local number, outcomeText = string.match(record, '^(%d+) %d+ (.*)$')
  -- A socket that was given up may deliver its bytes long after the repeated call: nobody waits for that reply.
  if tonumber(number) > tonumber(ARGV[2]) then return { q.nowText, {} } end
  if number == ARGV[2] then
    told = {}
    for outcome in string.gmatch(outcomeText, '([^,]*),') do told[#told + 1] = outcome end
  end
end

local last, known, outcomes = #ARGV, false, {}
-- Where the jobs go: into the list, by priority, later. And what is written of them.
local pushed, ranked, levels, later, laterIds = {}, {}, {}, {}, {}
local records, traits, claims, marks = {}, {}, {}, {}
local textOf = {} -- envelopes, for events
local long = false -- from here on a turn looks at how long envelopes are, before it takes them

-- Milliseconds since 1970, 0 for now.
local function dueOf(text)
  if text == '' then return 0 end
  return tonumber(text) + (string.byte(text) == 43 and now or 0)
end

-- One job of a full call; `outcome` where its user id names another one already.
local function addRow(at, outcomeOf)
  local id, dueAt = ARGV[at], dueOf(ARGV[at + 2])
  local userId, level = traitOf(ARGV[at + 3], 'u'), traitOf(ARGV[at + 3], 'p') or '0'
  if not string.find(level, '^%d$') then return redis.error_reply('ERR priority "' .. level .. '" is not one of 0 to 9') end
  local outcome = userId and outcomeOf[userId]
  if told then outcome = told[#outcomes + 1] ~= '' and told[#outcomes + 1] end
  -- A job of this very call has it: that one's place among the arguments.
  if type(outcome) == 'number' then
    outcome = (dueOf(ARGV[outcome + 2]) > now and 'scheduled ' or 'ready ') .. ARGV[outcome]
  end
  outcomes[#outcomes + 1] = outcome or ''
  if outcome then
    known = true
    return
  end
  if userId then
    claims[#claims + 1], marks[#marks + 1] = userId, userId
    claims[#claims + 1], marks[#marks + 1] = id, id .. '?'
    outcomeOf[userId] = at
  end
  if told and isPlaced(q, id) then return end
  records[#records + 1] = id
  records[#records + 1] = ARGV[at + 1]
  if q.listening then textOf[id] = ARGV[at + 1] end
  if #ARGV[at + 1] > 16384 then long = true end
  if ARGV[at + 3] ~= '' then
    traits[#traits + 1] = id
    traits[#traits + 1] = ARGV[at + 3]
  end
  if dueAt > now then
    later[#later + 1] = dueAt
    later[#later + 1] = id
    laterIds[#laterIds + 1] = id
  elseif level ~= '0' then
    ranked[#ranked + 1] = id
    levels[#ranked] = tonumber(level)
  else
    pushed[#pushed + 1] = id
  end
end

if ARGV[3] == 'plain' then
  if not told then redis.call('HSET', q.jobs, unpack(ARGV, 4, last)) end
  for i = 4, last, 2 do
    pushed[#pushed + 1] = ARGV[i]
    if q.listening then textOf[ARGV[i]] = ARGV[i + 1] end
    if #ARGV[i + 1] > 16384 then long = true end
  end
  if told and #pushed > 0 and isPlaced(q, pushed[#pushed]) then pushed = {} end -- they are pushed by one command
else
  local userIds, outcomeOf = {}, {}
  for i = 7, told and 0 or last, 4 do userIds[#userIds + 1] = traitOf(ARGV[i], 'u') end
  outcomeOf = admit(q, userIds)
  for i = 4, last, 4 do
    local refusal = addRow(i, outcomeOf)
    if refusal then return refusal end
  end
  if told then
    claims = stillMarked(q, marks)
  else
    if #marks > 0 then
      use(q, 'u')
      redis.call('HSET', q.ids, unpack(marks))
    end
    if #traits > 0 then
      use(q, 't')
      redis.call('HSET', q.traits, unpack(traits))
    end
    if #records > 0 then redis.call('HSET', q.jobs, unpack(records)) end
  end
end

if long then use(q, 'l') end
if not told then
  redis.call('HSET', q.meta, recordField,
    ARGV[2] .. ' ' .. t[1] .. ' ' .. (known and (table.concat(outcomes, ',') .. ',') or ''))
end
place(q, ranked, 'back', levels)
local isEarlier = placeLater(q, later)
local isReady = #ranked > 0 or isEarlier
for i = 1, #laterIds do addEvent(q, 'scheduled', laterIds[i], textOf[laterIds[i]], '') end
for i = 1, #ranked do addEvent(q, 'enqueued', ranked[i], textOf[ranked[i]], '') end

local mayHandOver = not q.paused and #pushed > 0 and #pushed <= 8 and not isReady and not long
if not mayHandOver or not handOver(q, pushed) then
  local worker = not q.paused and (#pushed > 0 or isReady) and nextIdle(q)
  place(q, pushed, 'back', false)
  for i = 1, #pushed do addEvent(q, 'enqueued', pushed[i], textOf[pushed[i]], '') end
  if #claims > 0 then redis.call('HSET', q.ids, unpack(claims)) end
  if worker then wake(q, worker) end
elseif #claims > 0 then
  redis.call('HSET', q.ids, unpack(claims))
end
sendNotices(q)
return { q.nowText, known and outcomes or {} }
