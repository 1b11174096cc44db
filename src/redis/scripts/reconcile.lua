#!lua flags=allow-oom
-- One step over what is in flight: jobs that carry the worker's name and that it does not hold go back to the front.
-- atomic because a job must not be given back while its worker is being handed it.
--
-- KEYS  all of the queue
-- ARGV  1 worker   2 cursor   3 items a step   4 crashes until dead   5 newest fence to look at, '' in the first step
--       6… ids that the worker holds
-- returns { now, next cursor ('0' at the end), number released, fence for the next steps, lease expiry ms or '' }
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/state
-- include lib/publish-or-fail
-- include lib/journal
-- include lib/go-on
-- include lib/place
-- include lib/wake
local fence = readState(q, now, 'fence')
q.maxCrashes = tonumber(ARGV[4])
-- What is reserved while the steps go on is newer than the list of what is held.
local newest = ARGV[5] == '' and (fence or '0') or ARGV[5]
local held, owner, orphans = {}, ARGV[1] .. ':', {}
for i = 6, #ARGV do held[ARGV[i]] = true end
local scan = redis.call('HSCAN', q.inflight, ARGV[2], 'COUNT', ARGV[3])
for i = 1, #scan[2], 2 do
  local id, token = scan[2][i], scan[2][i + 1]
  if string.sub(token, 1, #owner) == owner and not held[id]
      and tonumber(string.sub(token, #owner + 1)) <= tonumber(newest) then
    orphans[#orphans + 1] = id
  end
end
table.sort(orphans)
if #orphans > 0 then
  begin(q, orphans)
  local again = {}
  for _, at in ipairs(goOn(q, orphans, nil, 'unrun')) do again[#again + 1] = orphans[at] end
  place(q, again, 'front')
  for i = #again, 1, -1 do addEvent(q, 'released', again[i], false, '') end
  sendNotices(q)
  finish(q)
  wake(q)
end
local expiry = redis.call('ZSCORE', q.workers, ARGV[1])
return { q.nowText, scan[1], #orphans, newest, expiry and string.format('%.0f', tonumber(expiry)) or '' }
