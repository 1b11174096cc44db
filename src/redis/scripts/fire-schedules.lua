#!lua
-- Compare and set, once per fire: enqueues the jobs of a tick, if rule and tick are still the stored ones and its time has
-- come, and moves on to the next tick.
-- atomic because of any number of instances that fire one tick exactly one may enqueue, and the tick moves with the job.
-- Without allow-oom: a full Redis fires nothing, and every tick stays.
--
-- KEYS  all of the queue
-- ARGV  1… per fire: name, spec hash, tick ms, next tick ms or '', look at ms or '', missed, overlap,
--       pause on failure '1'|'0', limit or '', at once '1'|'0', number of jobs,
--       per job: id, envelope, traits (the user id among them), scheduled for ms
-- returns per fire 'fired' | 'stale' | 'early' | 'held' | 'overlapped' | 'paused' | 'ended'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish-or-fail
-- include lib/tick-jobs
-- include lib/wake
readState(q, now)
-- What is written once for all fires.
local answers, headers, scores, gone, histories = {}, {}, {}, {}, {}

local function isOpen(id)
  if q.tickJobs.isNew[id] or redis.call('HEXISTS', q.inflight, id) == 1 then return true end
  local record = redis.call('HGET', q.jobs, id)
  return record and not isEnded(record)
end

local function hasFailed(history, resumed)
  for entry in string.gmatch(history, '%S+') do
    local died = redis.call('ZSCORE', q.dead, string.match(entry, '[^:]+$'))
    if died and tonumber(died) > resumed then return true end
  end
  return false
end

local function fire(at)
  local name, tick, nextTick, lookAt = ARGV[at], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local missed, overlap, count = tonumber(ARGV[at + 5]), ARGV[at + 6], tonumber(ARGV[at + 10])
  local header = headers[name] or redis.call('HGET', q.schedules, name)
  if not header then return 'stale' end
  local hash, state, stored, last, fired, skipped, created, resumed, open, replaced, app =
    string.match(header, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
  if hash ~= ARGV[at + 1] then return 'stale' end
  if state == 'ended' then return 'ended' elseif state ~= 'active' then return 'paused' end
  if stored ~= tick then return 'stale' end
  local score = scores[name] or redis.call('ZSCORE', q.ticks, name)
  if not score then return 'stale' end
  if ARGV[at + 9] == '1' then score = tick end
  if tonumber(score) > now then return 'early' end

  local answer, history
  local left = ARGV[at + 8] == '' and math.huge or tonumber(ARGV[at + 8]) - tonumber(fired)
  if ARGV[at + 7] == '1' then history = histories[name] or redis.call('HGET', q.runs, name) or '' end
  if history and hasFailed(history, tonumber(resumed)) then
    state, answer = 'paused:failure', 'paused'
  elseif left <= 0 then
    state, answer = 'ended', 'ended'
  else
    local first = at + 11
    if overlap ~= 'allow' and count > 0 then
      missed = missed + count - 1
      first = first + 4 * (count - 1)
      count = 1
      for id in string.gmatch(open, '[^,]+') do
        if id ~= '-' and isOpen(id) then
          if overlap == 'queue-one' then
            scores[name] = string.format('%.0f', now + RULES.heldTickMs)
            return 'held'
          end
          answer = 'overlapped'
          break
        end
      end
    end
    if answer then count = 0 end
    if count > left then count = left end
    local entries = {}
    for job = 1, count do
      local jobAt = first + 4 * (job - 1)
      local id, isOfOther = addTickJob(q, jobAt)
      if not isOfOther then
        open, last = id, ARGV[jobAt + 3]
        table.insert(entries, 1, last .. ':' .. q.nowText .. ':' .. (job == count and missed or 0) .. ':' .. open)
      end
    end
    if count > 0 and #entries == 0 then answer = 'overlapped' end
    answer, count = answer or 'fired', #entries
    if count == 0 then
      skipped = tonumber(skipped) + 1
    else
      fired = tonumber(fired) + count
      for entry in string.gmatch(history or histories[name] or redis.call('HGET', q.runs, name) or '', '%S+') do
        if #entries >= RULES.mostRuns then break end
        entries[#entries + 1] = entry
      end
      histories[name] = table.concat(entries, ' ', 1, math.min(#entries, RULES.mostRuns))
    end
    if nextTick == '' or count == left then state = 'ended' end
  end

  if state == 'active' then
    scores[name] = lookAt == '' and nextTick or lookAt
  else
    nextTick = '-'
    scores[name] = nil
    gone[#gone + 1] = name
  end
  headers[name] = table.concat(
    { hash, state, nextTick, last, fired, skipped, created, resumed, open, replaced, app }, ' ')
  return answer
end

local at, texts = 1, {}
while at <= #ARGV do
  for job = 1, tonumber(ARGV[at + 10]) do texts[#texts + 1] = ARGV[at + 9 + 4 * job] end
  at = at + 11 + 4 * tonumber(ARGV[at + 10])
end
collectTickJobs(q, texts)
at = 1
while at <= #ARGV do
  answers[#answers + 1] = fire(at)
  at = at + 11 + 4 * tonumber(ARGV[at + 10])
end

local function fieldsOf(map)
  local fields = {}
  for field, value in pairs(map) do
    fields[#fields + 1] = field
    fields[#fields + 1] = value
  end
  return fields
end
-- First the jobs, then the tick: a tick that is fired again finds the jobs that it has by their user ids.
local stored = storeTickJobs(q)
if next(histories) then redis.call('HSET', q.runs, unpack(fieldsOf(histories))) end
-- The tick is what the header says: its place among the ticks is put right where it is behind (due-schedules.lua).
if next(headers) then redis.call('HSET', q.schedules, unpack(fieldsOf(headers))) end
if #gone > 0 then redis.call('ZREM', q.ticks, unpack(gone)) end
if next(scores) then
  local members = {}
  for name, score in pairs(scores) do
    members[#members + 1] = score
    members[#members + 1] = name
  end
  redis.call('ZADD', q.ticks, unpack(members))
end
if stored > 0 then wake(q) end
sendNotices(q)
return answers
