-- include lib/admit
-- include lib/notify

-- What an enqueue does where another job has its unique key. Its trait m says it; it is of the call, and is not stored:
--   r         the job that waits gets what this one would store
--   w ms      throttle: one job a window of so many ms
--   b ms      throttle: and one at the end of the window, which gets what its last call would store
--   d ms ms   debounce: the job that waits gets what this one would store and is due so long after this call, at the latest so long
--             after the first one
-- Without it, and of a job that has a user id, the one that is there is kept. A job keeps its place: only one that is scheduled moves, to another due time.

local function modeOf(text)
  local kind, ms, most = string.match(text, '^(%l)(%d*) ?(%d*)$')
  return kind, tonumber(ms), tonumber(most)
end

-- A payload that lies apart goes with its envelope to another job: before that one has the envelope, and what it had goes behind that.
local function movePayload(q, row, id)
  if not row.isApart then return end
  use(q, 'b')
  redis.call('HSET', q.payloads, id, redis.call('HGET', q.payloads, row.id) or '')
end

local function dropPayload(q, row, id)
  if not row.isApart and has(q, 'b') then redis.call('HDEL', q.payloads, id) end
end

-- Another row of this call, which is not written yet, gets what the row says; as one that was stored before it does.
local function fold(q, own, row, dueAt)
  own.record, own.text, own.traits, own.isApart = row.record, row.text, row.traits, row.isApart
  if own.dueAt > q.now or own.isLater then own.dueAt, own.isLater = math.max(dueAt, q.now), true end
end

local function moveDue(q, id, dueAt)
  local head = redis.call('ZRANGE', q.scheduled, 0, 0, 'WITHSCORES')
  redis.call('ZADD', q.scheduled, string.format('%.0f', dueAt), id)
  if dueAt < tonumber(head[2]) then q.isEarlier = true end
end

-- The traits of a job that another one replaces: it keeps its place, so its group, too.
local function keptIn(text, old)
  for _, letter in ipairs({ 'n', 'g', 'l' }) do text = withTrait(text, letter, traitOf(old, letter)) end
  return text
end

-- The job that waits gets what the row says: each of these writes leaves it whole, and the same call again makes them again.
local function replace(q, holder, row, dueAt, rest, event)
  dueAt = math.max(dueAt, q.now)
  movePayload(q, row, holder.id)
  if holder.row then
    if holder.row.isApart then use(q, 'b') end
    fold(q, holder.row, row, dueAt)
    dropPayload(q, row, holder.id)
    holder.due = holder.row.dueAt
  else
    local old = redis.call('HGET', q.traits, holder.id)
    if #row.record > RULES.longEnvelope then use(q, 'l') end
    redis.call('HSET', q.traits, holder.id, keptIn(row.text, old))
    redis.call('HSET', q.jobs, holder.id, row.record)
    dropPayload(q, row, holder.id)
    if holder.state == 'scheduled' then
      moveDue(q, holder.id, dueAt)
      holder.due = dueAt
    end
    if rest ~= holder.rest then redis.call('HSET', q.uniques, row.traits.q, entryOf(holder.id, '', rest)) end
    addEvent(q, event, holder.id, row.record, '')
  end
  holder.rest = rest
  holder.record = row.record
  return answerWith(q, holder, ' ' .. event)
end

-- A job with an id of its own is what that id promises, so it stays as it is. So does one of another group: a job keeps its place.
local function mayChange(q, holder, row)
  if not isHolding(q, holder) or holder.state == 'active' then return false end
  local text = holder.row and holder.row.text or redis.call('HGET', q.traits, holder.id)
  return not traitOf(text, 'u') and traitOf(text, 'g') == row.traits.g
end

local function kept(q, holder)
  return answerWith(q, holder, ' kept')
end

local function throttle(q, row, holder, ms, isBoth)
  local from, till = windowOf(holder and holder.rest)
  if not till or till <= q.now then
    if holder and isHolding(q, holder) then return kept(q, holder) end
    row.dueAt, row.rest = 0, string.format('w %.0f %.0f', q.now, q.now + ms)
    return nil
  end
  if not isBoth then return kept(q, holder) end
  if q.now < from and mayChange(q, holder, row) then return replace(q, holder, row, from, holder.rest, 'replaced') end
  -- The job of the end of this window opens the next one.
  if q.now < from then row.dueAt = from else row.dueAt, till = till, till + ms end
  row.rest = string.format('w %.0f %.0f', row.dueAt, till)
end

local function debounce(q, row, holder, ms, most)
  if not holder or not isHolding(q, holder) then
    row.dueAt = q.now + math.min(ms, most)
    row.rest = string.format('d %.0f %.0f', q.now, row.dueAt)
    return nil
  end
  if not mayChange(q, holder, row) then return kept(q, holder) end
  if holder.state ~= 'scheduled' then return replace(q, holder, row, q.now, holder.rest, 'replaced') end
  -- Due at another time than a call let it be: it has run since, and waits for its next attempt. These calls begin anew.
  local first, due = string.match(holder.rest, '^d (%d+) (%d+)$')
  if not first or tonumber(due) ~= holder.due then first = q.now end
  local dueAt = math.max(math.min(q.now + ms, first + most), q.now)
  return replace(q, holder, row, dueAt, string.format('d %.0f %.0f', first, dueAt), 'extended')
end

-- What becomes of a row { id, record, text, traits, level, dueAt, isApart }: an outcome where it is not stored, as outcomeOf tells it with
-- ' kept', ' replaced' or ' extended' behind; else nil, and row.dueAt and row.rest are those of its key.
local function meet(q, row)
  local mode, key = row.traits.m, row.traits.q
  if not mode then return outcomeOf(q, row.traits) end
  local kind, ms, most = modeOf(mode)
  row.text = withTrait(row.text, 'm')
  if not kind or not key or row.traits.u then return outcomeOf(q, row.traits) end
  local holder = q.claims[2].holderOf[key]
  if kind == 'd' then return debounce(q, row, holder, ms, most) end
  if kind ~= 'r' then return throttle(q, row, holder, ms, kind == 'b') end
  if not holder or not isHolding(q, holder) then return nil end
  if not mayChange(q, holder, row) then return kept(q, holder) end
  return replace(q, holder, row, row.dueAt, '', 'replaced')
end
