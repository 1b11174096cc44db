#!lua
-- Compare and set, once per fire: enqueues the jobs of a tick, if rule and tick are still the stored ones and its time has
-- come, and moves on to the next tick.
-- atomic because of any number of instances that fire one tick exactly one may enqueue, and the tick moves with the job.
-- Without allow-oom: a full Redis fires nothing, and every tick stays.
--
-- KEYS  1 meta HASH       2 jobs HASH    3 ready LIST   4 priority ZSET   5 levels HASH      6 ids HASH     7 idle SET
--       8 inflight HASH   9 dead ZSET   10 schedules HASH   11 ticks ZSET   12 runs HASH
-- ARGV  1… per fire: name, spec hash, tick ms, next tick ms or '', look at ms or '', missed, overlap,
--       pause on failure '1'|'0', limit or '', at once '1'|'0', number of jobs,
--       per job: id, user id, envelope, priority, scheduled for ms
-- returns per fire 'fired' | 'stale' | 'early' | 'held' | 'overlapped' | 'paused' | 'ended'
local meta, jobs, ready, priority, levels, ids, idle = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local inflight, dead, schedules, ticks, runs = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
local nowText = string.format('%.0f', now)
local queueState = redis.call('HMGET', meta, 'paused', 'listen')
local listening = queueState[2] and tonumber(queueState[2]) > now
local answers, placed, events = {}, {}, {}
-- What is written once for all fires.
local headers, scores, gone, histories, envelopes, pushed, levelled, ranked = {}, {}, {}, {}, {}, {}, {}, {}
local earlier = false
-- include lib/journal

-- include lib/news

local function isOpen(id)
  if placed[id] or redis.call('HEXISTS', inflight, id) == 1 then return true end
  local head = string.byte(redis.call('HGET', jobs, id) or '')
  return head and head ~= 67 and head ~= 88 and head ~= 68
end

local function hasFailed(history, resumed)
  for entry in string.gmatch(history, '%S+') do
    local died = redis.call('ZSCORE', dead, string.match(entry, '[^:]+$'))
    if died and tonumber(died) > resumed then return true end
  end
  return false
end

-- The id of the tick's job: this one, or the first with its user id while that is kept.
local function enqueue(at)
  local id, userId, level = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 3])
  if redis.call('HSETNX', ids, userId, id) == 0 then
    local first = redis.call('HGET', ids, userId)
    if placed[first] or redis.call('HEXISTS', jobs, first) == 1 then return first end
    redis.call('HSET', ids, userId, id) -- its job was lost by hand: the id is free again
  end
  placed[id] = true
  envelopes[#envelopes + 1] = id
  envelopes[#envelopes + 1] = ARGV[at + 2]
  if level > 0 then
    levelled[#levelled + 1] = id
    levelled[#levelled + 1] = level
    local position = redis.call('HINCRBY', meta, 'back', 1)
    ranked[#ranked + 1] = string.format('%.0f', (9 - level) * 562949953421312 + 281474976710656 + position)
    ranked[#ranked + 1] = id
    earlier = true
  else
    pushed[#pushed + 1] = id
  end
  if listening then events[#events + 1] = newsOf('enqueued', id, ARGV[at + 2], '') end
  return id
end

local function fire(at)
  local name, tick, nextTick, lookAt = ARGV[at], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local missed, overlap, count = tonumber(ARGV[at + 5]), ARGV[at + 6], tonumber(ARGV[at + 10])
  local header = headers[name] or redis.call('HGET', schedules, name)
  if not header then return 'stale' end
  local hash, state, stored, last, fired, skipped, created, resumed, open, replaced, app =
    string.match(header, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
  if hash ~= ARGV[at + 1] then return 'stale' end
  if state == 'ended' then return 'ended' elseif state ~= 'active' then return 'paused' end
  if stored ~= tick then return 'stale' end
  local score = scores[name] or redis.call('ZSCORE', ticks, name)
  if not score then return 'stale' end
  if ARGV[at + 9] == '1' then score = tick end
  if tonumber(score) > now then return 'early' end

  local answer, history
  local left = ARGV[at + 8] == '' and math.huge or tonumber(ARGV[at + 8]) - tonumber(fired)
  if ARGV[at + 7] == '1' then history = histories[name] or redis.call('HGET', runs, name) or '' end
  if history and hasFailed(history, tonumber(resumed)) then
    state, answer = 'paused:failure', 'paused'
  elseif left <= 0 then
    state, answer = 'ended', 'ended'
  else
    local first = at + 11
    if overlap ~= 'allow' and count > 0 then
      missed = missed + count - 1
      first = first + 5 * (count - 1)
      count = 1
      for id in string.gmatch(open, '[^,]+') do
        if id ~= '-' and isOpen(id) then
          if overlap == 'queue-one' then
            scores[name] = string.format('%.0f', now + 1000)
            return 'held'
          end
          answer = 'overlapped'
          break
        end
      end
    end
    if answer then count = 0 else answer = 'fired' end
    if count > left then count = left end
    if count == 0 then
      skipped = tonumber(skipped) + 1
    else
      local entries = {}
      for job = 1, count do
        local jobAt = first + 5 * (job - 1)
        open = enqueue(jobAt)
        last = ARGV[jobAt + 4]
        table.insert(entries, 1, last .. ':' .. nowText .. ':' .. (job == count and missed or 0) .. ':' .. open)
      end
      fired = tonumber(fired) + count
      for entry in string.gmatch(history or histories[name] or redis.call('HGET', runs, name) or '', '%S+') do
        if #entries >= 10 then break end
        entries[#entries + 1] = entry
      end
      histories[name] = table.concat(entries, ' ', 1, math.min(#entries, 10))
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

local at, coming = 1, {}
while at <= #ARGV do
  for job = 1, tonumber(ARGV[at + 10]) do coming[#coming + 1] = ARGV[at + 6 + 5 * job] end
  at = at + 11 + 5 * tonumber(ARGV[at + 10])
end
if #coming > 0 then begin(coming) end
at = 1
while at <= #ARGV do
  answers[#answers + 1] = fire(at)
  at = at + 11 + 5 * tonumber(ARGV[at + 10])
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
if #levelled > 0 then redis.call('HSET', levels, unpack(levelled)) end
if #envelopes > 0 then redis.call('HSET', jobs, unpack(envelopes)) end
if #ranked > 0 then redis.call('ZADD', priority, unpack(ranked)) end
if #pushed > 0 then redis.call('RPUSH', ready, unpack(pushed)) end
finish()
if next(histories) then redis.call('HSET', runs, unpack(fieldsOf(histories))) end
-- The tick is what the header says: its place among the ticks is put right where it is behind (due-schedules.lua).
if next(headers) then redis.call('HSET', schedules, unpack(fieldsOf(headers))) end
if #gone > 0 then redis.call('ZREM', ticks, unpack(gone)) end
if next(scores) then
  local members = {}
  for name, score in pairs(scores) do
    members[#members + 1] = score
    members[#members + 1] = name
  end
  redis.call('ZADD', ticks, unpack(members))
end
if not queueState[1] and (#pushed > 0 or earlier) then
  local prefix, queue = string.match(meta, '^{([^:]+):(.+)}:meta$')
  for i = 1, 8 do
    local worker = redis.call('SPOP', idle)
    if not worker or redis.call('PUBLISH', prefix .. ':wake:' .. worker, queue) > 0 then break end
  end
end
if #events > 0 then
  redis.call('PUBLISH', string.sub(meta, 1, -5) .. 'events', nowText .. '\n' .. table.concat(events, '\n'))
end
return answers
