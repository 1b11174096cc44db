#!lua
-- Stores a batch of jobs, all or none.
-- atomic because a job's envelope, its user id and its place in a queue must appear together.
-- Without allow-oom: a full Redis refuses the batch before anything is written.
-- Redis undoes nothing where a script stops in the middle, because its user may not run a command or a key has another type.
-- So traits come before claims, these before records, records before the record of the call, and that before the places: the same call again
-- finds what is missing, and another call with the same user id finds a claim that is marked as unfinished.
--
-- A few jobs for which a worker waits are not queued first: they are reserved for it and handed over as its wake-up.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a producer's lane)   2 call number   then a row per job:
--       id, envelope, due: '' now | '+ms' from now | 'ms' an instant, traits: '' or lines (lib/traits),
--       among them what becomes of a unique key that is held (lib/conflict)
--       then, where payloads were stored apart just before this call: ids of these jobs, joined by ',' (long-payloads.ts)
-- returns { now, outcomes, views of the jobs that were met (lib/met) }, outcomes = {} when every job was created, or when the call is older than the caller's last;
--         else one entry per job: '' created | 'later ' ms created, due then | state ' ' id of the job that has this user id already |
--         state ' ' id ' kept', ' replaced' or ' extended' of the job that has this unique key
--         'missing': a payload that should lie apart does not; nothing was written
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/publish
-- include lib/state
-- include lib/conflict
-- include lib/sort-rows
-- include lib/place
-- include lib/met
-- include lib/hand-over
-- include lib/allowance
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

-- A job whose payload was not stored must not be.
local apart, last = #ARGV % 4 == 3 and {}, #ARGV - (#ARGV + 2) % 4
for id in string.gmatch(apart and ARGV[#ARGV] or '', '[^,]+') do
  apart[id] = true
  if not told and redis.call('HEXISTS', q.payloads, id) == 0 then return 'missing' end
end

local known, outcomes = false, {}
-- Jobs to store, and of a call that is repeated those that have no place yet; by number, too.
local rows, rowOf = {}, {}

-- Milliseconds since 1970, 0 for now.
local function dueOf(text)
  if text == '' then return 0 end
  return tonumber(text) + (string.byte(text) == 43 and now or 0)
end

-- What became of a row: as the call was answered first, or as its unique key decides now.
local function outcomeOfRow(row)
  if not told then
    return row.meets and meet(q, row) or row.rest ~= '' and row.dueAt > now and string.format('later %.0f', row.dueAt) or ''
  end
  local outcome = told[#outcomes + 1] or ''
  local due, changed = string.match(outcome, '^later (%d+)$'), rowOf[string.match(outcome, ' (%S+) replaced$')]
  if due then row.dueAt = tonumber(due) end
  if changed then fold(q, changed, row, row.dueAt) end
  if row.traits.m then row.text = withTrait(row.text, 'm') end
  return outcome
end

local function readRow(at)
  local traits = traitsOf(ARGV[at + 3])
  return { id = ARGV[at], record = ARGV[at + 1], dueAt = dueOf(ARGV[at + 2]), text = ARGV[at + 3], traits = traits,
    level = traits.p or '0', isApart = apart and apart[ARGV[at]], rest = '', isLater = false,
    meets = traits.u or traits.q or traits.m } -- another job, maybe
end

local function addRow(row)
  local outcome = outcomeOfRow(row)
  outcomes[#outcomes + 1] = outcome
  if outcome ~= '' then
    known = true
    if string.sub(outcome, 1, 6) ~= 'later ' then
      if row.isApart then redis.call('HDEL', q.payloads, row.id) end
      return
    end
  end
  if row.meets then claim(q, row.traits, row.id, row.dueAt > now and 'scheduled' or 'ready', row.rest, row) end
  if told and isPlaced(q, row.id) then return touchPlaced(q, row.id) end
  rows[#rows + 1] = row
  if told then rowOf[row.id] = row end
end

local asked, claims = {}, {}
for i = 3, last, 4 do
  local row = readRow(i)
  if row.level ~= '0' and not string.find(row.level, '^%d$') then return redis.error_reply('ERR priority "' .. row.level .. '" is not one of 0 to RULES.highestPriority') end
  asked[#asked + 1] = row
  if row.meets and not told then claims[#claims + 1] = row.traits end
end
admit(q, claims)
for i = 1, #asked do addRow(asked[i]) end

local sorted = sortRows(q, rows, told)
local pushed, ranked, grouped, later, laterIds, textOf, long = sorted.pushed, sorted.ranked, sorted.grouped, sorted.later, sorted.laterIds, sorted.textOf, sorted.long
if not told then
  -- Before the claims: withdraw.lua learns from the traits what the jobs have claimed.
  if #sorted.traits > 0 then
    use(q, 't')
    redis.call('HSET', q.traits, unpack(sorted.traits))
  end
  writeClaims(q, '?')
  if apart then use(q, 'b') end
  if #rows > 0 then redis.call('HSET', q.jobs, unpack(sorted.records)) end
end

if long then use(q, 'l') end
if not told then
  redis.call('HSET', q.meta, recordField,
    ARGV[2] .. ' ' .. t[1] .. ' ' .. (known and (table.concat(outcomes, ',') .. ',') or ''))
end
q.wakesForLanes = true
place(q, ranked, 'back', sorted.levels)
placeNew(q, grouped)
closeLanes(q)
local isEarlier = placeLater(q, later) or q.isEarlier
local isReady = sorted.isRanked or q.isLaneOpen or isEarlier
addEvents(q, 'scheduled', laterIds, textOf)
addEvents(q, 'enqueued', ranked, textOf)
addEvents(q, 'enqueued', sorted.groupedIds, textOf)

local mayHandOver = not q.paused and #pushed > 0 and #pushed <= RULES.mostHanded and #ranked + #grouped == 0 and not isReady and not long and not apart
if not mayHandOver or not handOver(q, pushed) then
  local wakes = isEarlier or (#pushed > 0 or isReady) and isWorthAWake(q)
  local worker = not q.paused and wakes and nextIdle(q)
  place(q, pushed, 'back', false)
  addEvents(q, 'enqueued', pushed, textOf)
  writeClaims(q, '', told)
  if worker then wake(q, worker) end
else
  writeClaims(q, '', told)
end
sendNotices(q)
return { q.nowText, known and outcomes or {}, viewsOfMet(q) }
