#!lua flags=allow-oom
-- An instance of an app says which rules it holds. What nobody of the app named for a minute, while the app itself was
-- there without a gap, is paused: its code is gone. One step of that search passes at most 100 schedules.
-- atomic because a schedule may not be paused by one instance while another announces it.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 app   4… name, spec hash …
-- returns three lines of names with tabs between them: outdated, to be registered again, paused now
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
local nowText = string.format('%.0f', now)
local app, silence = ARGV[3], RULES.silenceMs
local outdated, unknown, removed, stamps = {}, {}, {}, {}

for i = 4, #ARGV, 2 do
  local name, hash = ARGV[i], ARGV[i + 1]
  local header = redis.call('HGET', q.schedules, name)
  local oldHash, state, replaced, oldApp
  if header then
    oldHash, state, replaced, oldApp =
      string.match(header, '^(%S+) (%S+) %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%S+) (.*)$')
  end
  -- One of another app, too: whether that one lives is seen where it is registered.
  if not header or oldApp ~= app then
    unknown[#unknown + 1] = name
  elseif oldHash == hash and state ~= 'paused:removed' then
    stamps[#stamps + 1] = nowText
    stamps[#stamps + 1] = name
  else
    local isOld = oldHash ~= hash and string.find(',' .. replaced .. ',', ',' .. hash .. ',', 1, true)
    local seen = isOld and redis.call('ZSCORE', q.announced, name)
    if seen and tonumber(seen) > now - silence then
      outdated[#outdated + 1] = name
    else
      unknown[#unknown + 1] = name
    end
  end
end
if #stamps > 0 then redis.call('ZADD', q.announced, unpack(stamps)) end

-- Last announcement, since when there was no gap, and how many silent schedules of other apps the search has passed.
local before, since, passed = string.match(redis.call('HGET', q.apps, app) or '', '^(%d+) (%d+) (%d+)$')
if not before or now - tonumber(before) >= silence then since, passed = nowText, '0' end
if now - tonumber(since) >= silence then
  local at = tonumber(passed)
  local page = redis.call('ZRANGE', q.announced, at, at + 99, 'WITHSCORES')
  local atEnd = #page < 200
  for i = 1, #page, 2 do
    local name = page[i]
    if tonumber(page[i + 1]) > now - silence then
      atEnd = true
      break
    end
    local header = redis.call('HGET', q.schedules, name)
    local hash, state, counts, oldApp
    if header then
      hash, state, counts, oldApp =
        string.match(header, '^(%S+) (%S+) %S+ (%S+ %S+ %S+ %S+ %S+ %S+ %S+) (.*)$')
    end
    if header and oldApp ~= app then
      at = at + 1
    else
      redis.call('ZREM', q.announced, name)
      if state == 'active' then
        redis.call('HSET', q.schedules, name, hash .. ' paused:removed - ' .. counts .. ' ' .. oldApp)
        redis.call('ZREM', q.ticks, name)
        removed[#removed + 1] = name
      end
    end
  end
  passed = atEnd and '0' or string.format('%.0f', at)
end
redis.call('HSET', q.apps, app, nowText .. ' ' .. since .. ' ' .. passed)
return answer(
  table.concat(outdated, '\t') .. '\n' .. table.concat(unknown, '\t') .. '\n' .. table.concat(removed, '\t'))
