-- include lib/admit
-- include lib/journal
-- include lib/place
-- include lib/notify

-- Jobs of schedules: collected by addTickJob, written together by storeTickJobs. Arguments of one: id, envelope, traits.
local function collectTickJobs(q, userIds)
  q.tickJobs = { outcomeOf = admit(q, userIds), ids = {}, levels = {}, records = {}, claims = {}, traits = {}, isNew = {} }
end

-- The id of the tick's job: this one, or the first with its user id while that is kept.
local function addTickJob(q, at)
  local jobs, id, traits = q.tickJobs, ARGV[at], ARGV[at + 2]
  local userId = traitOf(traits, 'u')
  local outcome = jobs.outcomeOf[userId]
  if outcome then return string.match(outcome, ' (.*)$') end
  jobs.outcomeOf[userId] = 'ready ' .. id
  jobs.isNew[id] = true
  jobs.ids[#jobs.ids + 1] = id
  jobs.levels[#jobs.ids] = tonumber(traitOf(traits, 'p') or 0)
  jobs.records[#jobs.records + 1], jobs.claims[#jobs.claims + 1] = id, userId
  jobs.records[#jobs.records + 1], jobs.claims[#jobs.claims + 1] = ARGV[at + 1], id
  jobs.traits[#jobs.traits + 1] = id
  jobs.traits[#jobs.traits + 1] = traits
  addEvent(q, 'enqueued', id, ARGV[at + 1], '')
  return id
end

-- Returns how many jobs became ready.
local function storeTickJobs(q)
  local jobs = q.tickJobs
  if #jobs.ids == 0 then return 0 end
  begin(q, jobs.ids)
  use(q, 'u')
  use(q, 't')
  redis.call('HSET', q.ids, unpack(jobs.claims))
  redis.call('HSET', q.traits, unpack(jobs.traits))
  redis.call('HSET', q.jobs, unpack(jobs.records))
  place(q, jobs.ids, 'back', jobs.levels)
  finish(q)
  return #jobs.ids
end
