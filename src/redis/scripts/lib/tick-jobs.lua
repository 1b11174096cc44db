-- include lib/admit
-- include lib/journal
-- include lib/place
-- include lib/notify

-- Jobs of schedules: collected by addTickJob, written together by storeTickJobs. Arguments of one: id, envelope, traits.
local function collectTickJobs(q, texts)
  local all = {}
  for i = 1, #texts do all[i] = traitsOf(texts[i]) end
  admit(q, all)
  q.tickJobs = { ids = {}, levels = {}, records = {}, traits = {}, isNew = {} }
end

-- The id of the tick's job: this one, or the first with its user id while that is kept. And whether it is none of the tick, but the one
-- that has its unique key.
local function addTickJob(q, at)
  local jobs, id, traits = q.tickJobs, ARGV[at], traitsOf(ARGV[at + 2])
  local outcome = outcomeOf(q, traits)
  if outcome then return string.match(outcome, ' (%S+)'), string.match(outcome, ' kept$') ~= nil end
  claim(q, traits, id, 'ready')
  if traits.g then use(q, 'g') end
  jobs.isNew[id] = true
  jobs.ids[#jobs.ids + 1] = id
  jobs.levels[#jobs.ids] = tonumber(traits.p or 0)
  jobs.records[#jobs.records + 1] = id
  jobs.records[#jobs.records + 1] = ARGV[at + 1]
  jobs.traits[#jobs.traits + 1] = id
  jobs.traits[#jobs.traits + 1] = ARGV[at + 2]
  addEvent(q, 'enqueued', id, ARGV[at + 1], '')
  return id
end

-- Returns how many jobs became ready.
local function storeTickJobs(q)
  local jobs = q.tickJobs
  if #jobs.ids == 0 then return 0 end
  begin(q, jobs.ids)
  use(q, 't')
  writeClaims(q, '')
  redis.call('HSET', q.traits, unpack(jobs.traits))
  redis.call('HSET', q.jobs, unpack(jobs.records))
  place(q, jobs.ids, 'back', jobs.levels)
  finish(q)
  return #jobs.ids
end
