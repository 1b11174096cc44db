-- include lib/admit
-- include lib/journal
-- include lib/place
-- include lib/notify

-- Jobs of schedules: collected by addTickJob, written together by storeTickJobs. Arguments of one: id, user id, envelope, priority.
local function collectTickJobs(q, userIds)
  q.tickJobs = { outcomeOf = admit(q, userIds), ids = {}, levels = {}, records = {}, claims = {}, leveled = {}, isNew = {} }
end

-- The id of the tick's job: this one, or the first with its user id while that is kept.
local function addTickJob(q, at)
  local jobs, id, userId, level = q.tickJobs, ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 3])
  local outcome = jobs.outcomeOf[userId]
  if outcome then return string.match(outcome, ' (.*)$') end
  jobs.outcomeOf[userId] = 'ready ' .. id
  jobs.isNew[id] = true
  jobs.ids[#jobs.ids + 1] = id
  jobs.levels[#jobs.ids] = level
  jobs.records[#jobs.records + 1], jobs.claims[#jobs.claims + 1] = id, userId
  jobs.records[#jobs.records + 1], jobs.claims[#jobs.claims + 1] = ARGV[at + 2], id
  if level > 0 then
    jobs.leveled[#jobs.leveled + 1] = id
    jobs.leveled[#jobs.leveled + 1] = level
  end
  addEvent(q, 'enqueued', id, ARGV[at + 2], '')
  return id
end

-- Returns how many jobs became ready.
local function storeTickJobs(q)
  local jobs = q.tickJobs
  if #jobs.ids == 0 then return 0 end
  begin(q, jobs.ids)
  use(q, 'u')
  redis.call('HSET', q.ids, unpack(jobs.claims))
  if #jobs.leveled > 0 then
    use(q, 't')
    redis.call('HSET', q.levels, unpack(jobs.leveled))
  end
  redis.call('HSET', q.jobs, unpack(jobs.records))
  place(q, jobs.ids, 'back', jobs.levels)
  finish(q)
  return #jobs.ids
end
