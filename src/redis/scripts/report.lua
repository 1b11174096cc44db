#!lua flags=allow-oom
-- Stores progress and log lines of running jobs.
-- atomic because a run whose lease is no longer the newest must not write.
--
-- KEYS  1 meta HASH   2 inflight HASH   3 notes HASH   4 jobs HASH
-- ARGV  1 caller (a lane)   2 call number   3 log lines kept
--       then per report: id, token, progress or '', number of lines, lines…
-- returns lost ids, joined by commas
local meta, inflight, notes, jobs = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- include lib/looked-up-news
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, told = string.match(redis.call('HGET', meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return told end
local function answer(text)
  redis.call('HSET', meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
local listen = redis.call('HGET', meta, 'listen')
local listening = listen and tonumber(listen) > now
local events, lost = {}, {}
local keep = tonumber(ARGV[3])
local argument = 4
while argument <= #ARGV do
  local id, token, progress, count = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2], tonumber(ARGV[argument + 3])
  argument = argument + 4
  if redis.call('HGET', inflight, id) ~= token then
    lost[#lost + 1] = id
  else
    if progress ~= '' then
      redis.call('HSET', notes, id .. ':progress', progress)
      if listening then events[#events + 1] = newsOf('progress', id, recordForNews(id), progress) end
    end
    if count > 0 then
      local before = redis.call('HGET', notes, id .. ':logs')
      local text = table.concat(ARGV, '\n', argument, argument + count - 1)
      if before then text = before .. '\n' .. text end
      -- Only looked for: Lua reads every line that is cut out from end to end, and keeps it.
      local starts, lines, at = { 1 }, 1, string.find(text, '\n', 1, true)
      while at do
        lines = lines + 1
        starts[lines] = at + 1
        at = string.find(text, '\n', at + 1, true)
      end
      if lines > keep then text = string.sub(text, starts[lines - keep + 1]) end
      redis.call('HSET', notes, id .. ':logs', text)
    end
  end
  argument = argument + count
end
if #events > 0 then
  redis.call('PUBLISH', string.sub(meta, 1, -5) .. 'events', string.format('%.0f', now) .. '\n' .. table.concat(events, '\n'))
end
return answer(table.concat(lost, ','))
