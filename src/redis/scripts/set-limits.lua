#!lua flags=allow-oom
-- Says what the limits of a queue are. Code declares them again and again, a user sets and resets them; what is set wins.
-- atomic because of two rules that are declared at once the newer must win, and workers must hear of more room.
--
-- KEYS  all of the queue
-- ARGV  1 caller (a lane)   2 call number   3 'declare' | 'set' | 'reset'   4 limits as in lib/allowance; declare: '' none
-- returns 'changed' | 'same' | 'outdated': a rule that was replaced, while its successor is still declared
-- include lib/keys
local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- include lib/numbered
-- include lib/state
-- include lib/publish
-- include lib/wake
-- include lib/features
-- include lib/settle-lanes

local declared, declaredAt, replaced, given = readState(q, now, 'limitsDeclared', 'limitsDeclaredAt', 'limitsReplaced', 'limitsSet')
local function stored(field, text)
  if text and text ~= '' then redis.call('HSET', q.meta, field, text) else redis.call('HDEL', q.meta, field) end
end

local outcome, reopened = 'changed', false
if ARGV[3] == 'declare' then
  local text, list = ARGV[4], {}
  for rule in string.gmatch(replaced or '', '[^,]+') do list[#list + 1] = rule end
  local isReplaced = false
  for i = 1, #list do isReplaced = isReplaced or list[i] == (text == '' and 'none' or text) end
  if text == (declared or '') then
    outcome = 'same'
  elseif isReplaced and now - tonumber(declaredAt or 0) < RULES.silenceMs then
    outcome = 'outdated'
  else
    local kept = { declared or 'none' }
    for i = 1, #list do
      if #kept < RULES.mostReplacedLimits and list[i] ~= kept[1] and list[i] ~= (text == '' and 'none' or text) then kept[#kept + 1] = list[i] end
    end
    stored('limitsReplaced', table.concat(kept, ','))
    stored('limitsDeclared', text)
    declared = text
  end
  -- A queue that never had limits stores nothing of those that it has not.
  if outcome ~= 'outdated' and (text ~= '' or replaced or outcome == 'changed') then stored('limitsDeclaredAt', q.nowText) end
else
  given = ARGV[3] == 'set' and ARGV[4] or ''
  stored('limitsSet', given)
  -- Whoever decides by hand opens what a handler has closed, too.
  reopened = redis.call('HDEL', q.meta, 'gate') == 1
end

-- What holds now.
local before = redis.call('HGET', q.meta, 'limits') or ''
local text = given and given ~= '' and given or declared or ''
if text ~= before or reopened then
  if text ~= '' then use(q, 'r') end -- trim.lua takes the letter back
  stored('limits', text)
  -- The window of a limit that changes goes on; of a smooth rate only the time of the next start is known, by the rate of before.
  local per, smooth = string.match(text, '^%S+ %S+ (%S+) (%d)')
  local perBefore, smoothBefore = string.match(before, '^%S+ %S+ (%S+) (%d)')
  if per ~= perBefore or smooth ~= smoothBefore or smooth == '1' then redis.call('HDEL', q.meta, 'starts') end
  redis.call('HDEL', q.meta, 'gatekeeper')
  if has(q, 'g') then relookAtLanes(q) end
  for _ = 1, 1000 do
    local worker = nextIdle(q)
    if not worker then break end
    publish(wakeChannelOf(q, worker))
  end
elseif outcome == 'changed' and ARGV[3] ~= 'declare' then
  outcome = 'same'
end
return answer(outcome)
