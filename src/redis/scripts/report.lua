#!lua flags=allow-oom
-- Stores progress and log lines of running jobs.
-- atomic because a run whose lease is no longer the newest must not write.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 log lines kept
--       then per report: id, token, progress or '', number of lines, lines…
-- returns lost ids, joined by commas
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish-or-fail
-- include lib/notify
readState(q, now)
local lost = {}
local keep = tonumber(ARGV[3])
local argument = 4
while argument <= #ARGV do
  local id, token, progress, count = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2], tonumber(ARGV[argument + 3])
  argument = argument + 4
  if redis.call('HGET', q.inflight, id) ~= token then
    lost[#lost + 1] = id
  else
    if progress ~= '' then
      use(q, 'n')
      redis.call('HSET', q.notes, id .. ':progress', progress)
      addEvent(q, 'progress', id, false, progress)
    end
    if count > 0 then
      local before = redis.call('HGET', q.notes, id .. ':logs')
      local text = table.concat(ARGV, '\n', argument, argument + count - 1)
      if before then text = before .. '\n' .. text end
      -- Only looked for: Lua reads every line that is cut out from end to end, and keeps it.
      local starts, lines, at = { 1 }, 1, string.find(text, '\n', 1, true)
      while at do
        lines = lines + 1
        starts[lines] = at + 1
        at = string.find(text, '\n', at + 1, true)
      end
      use(q, 'n')
      if lines > keep then text = string.sub(text, starts[lines - keep + 1]) end
      redis.call('HSET', q.notes, id .. ':logs', text)
    end
  end
  argument = argument + count
end
sendNotices(q)
return answer(table.concat(lost, ','))
