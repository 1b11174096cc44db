#!lua flags=allow-oom
-- One step of a bulk operation: does to some jobs what it is for, counts them, and renews the lease of its executor. Or does the same
-- to jobs for somebody who keeps no operation.
-- atomic because jobs, counts and the place of the next step must never be seen apart: so each job is met once.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 operation, '' none   4 executor   5 lease ms   6 place where the step begins
--       7 place behind it   8 state behind it: 'running' | 'done' | 'stopped'   9 jobs looked at   10 jobs that fit and cannot be acted on
--       11 retried jobs that failed again   12 retried jobs whose outcome is known now   13 those without outcome, joined by ','
--       14 '1': what is retried is to be watched   15 action: 'retry' | 'cancel' | 'remove' | 'promote'   16 state of the jobs
--       17 values of each job: 2 or 4   18… id, how its record began when it was read and, of a retry, its new first line and priority
-- returns 'done skipped', two numbers | 'over': it has ended | 'lost': another executor has it, or the step is of an older place | 'gone'
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/bulk
-- include lib/act
-- include lib/wake
readState(q, now)
local action, state = ARGV[15], ARGV[16]
local bulk
if ARGV[3] ~= '' then
  bulk = readBulk(q, ARGV[3])
  if not bulk then return answer('gone') end
  if bulk.state ~= 'running' then return answer('over') end
  if bulk.executor ~= ARGV[4] or bulk.place ~= ARGV[6] then return answer('lost') end
end

local items, length = {}, tonumber(ARGV[17])
for i = 18, #ARGV, length do
  items[#items + 1] = { id = ARGV[i], seen = ARGV[i + 1], head = length > 2 and ARGV[i + 2], priority = length > 2 and ARGV[i + 3] }
end

local begun = {}
for id in string.gmatch(bulk and bulk.begun or '-', '[^,]+') do begun[id] = id ~= '-' or nil end
if bulk and #items > 0 then
  local ids = {}
  for i = 1, #items do ids[i] = items[i].id end
  bulk.begun = table.concat(ids, ',')
  writeBulk(q, bulk)
end
local acted, isSame = act(q, action, state, items)
local done, skipped = #acted, #items - #acted
-- The same step has stopped in the middle before: what has moved on since, or is not met again, was its doing.
for i = 1, #items do
  local id = items[i].id
  if begun[id] and not isSame[id] then done, skipped = done + 1, skipped - 1 end
  begun[id] = nil
end
for _ in pairs(begun) do done = done + 1 end
if bulk then
  local function add(name, count) bulk[name] = string.format('%.0f', bulk[name] + count) end
  add('looked', ARGV[9])
  add('matched', done + skipped + ARGV[10])
  add('done', done)
  add('skipped', skipped + ARGV[10])
  add('failed', ARGV[11])
  add('known', ARGV[12])
  bulk.begun, bulk.place, bulk.state, bulk.leaseEnd = '-', ARGV[7], ARGV[8], string.format('%.0f', now + tonumber(ARGV[5]))
  if bulk.state ~= 'running' then
    closeBulk(q, bulk)
  else
    local watched = table.concat(ARGV[14] == '1' and acted or {}, ',')
    if ARGV[13] ~= '' then watched = ARGV[13] .. (watched ~= '' and ',' .. watched or '') end
    if watched ~= '' then
      redis.call('HSET', q.bulks, bulk.id .. ':p', lineOf(bulk), bulk.id .. ':w', watched)
    else
      writeBulk(q, bulk)
      redis.call('HDEL', q.bulks, bulk.id .. ':w')
    end
  end
end
finish(q)
sendNotices(q)
if #acted > 0 and (action == 'retry' or action == 'promote') then wake(q) end
return answer(done .. ' ' .. skipped)
