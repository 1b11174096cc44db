-- include lib/place-of
-- include lib/unique

-- Hook: new jobs are to be stored. What a job claims for itself (its user id, its unique key) names the job in a HASH; no other part
-- makes such an entry, and lib/conflict alone changes one.
-- A claim is written before its job and has a mark, '?', until the job has its place: so a call that stopped in the middle is
-- completed by its repetition, and another call finds that the job of the claim is not there.

local function entryOf(id, mark, rest)
  return id .. mark .. (rest ~= '' and ' ' .. rest or '')
end

-- Who has these claims, asked for together: by claim the number of its job, its state (nil where it is gone), its due time, and the
-- rest of the entry. None where nobody has it.
local function holdersOf(q, hash, names)
  local holderOf, held = {}, {}
  if #names == 0 then return holderOf end
  local entries, ids = redis.call('HMGET', q[hash], unpack(names)), {}
  for i = 1, #names do
    local id, mark, rest = partsOf(entries[i])
    -- The mark of a call that stopped in the middle. A job that got no place is not there; one that did is, from now on.
    if mark ~= '' then
      if isPlaced(q, id) and redis.call('HEXISTS', q.jobs, id) == 1 then
        redis.call('HSET', q[hash], names[i], entryOf(id, '', rest))
      else
        redis.call('HDEL', q.traits, id)
        redis.call('HDEL', q.jobs, id)
        redis.call('HDEL', q.payloads, id)
        id = ''
      end
    end
    if id ~= '' then
      ids[#ids + 1] = id
      held[#ids] = { id = id, rest = rest, state = nil, record = nil, token = nil, due = nil }
      holderOf[names[i]] = held[#ids]
    end
  end
  if #ids == 0 then return holderOf end
  local tokens, dues = redis.call('HMGET', q.inflight, unpack(ids)), redis.call('ZMSCORE', q.scheduled, unpack(ids))
  for i = 1, #ids do
    local record = redis.call('HGET', q.jobs, ids[i]) -- one at a time: payloads may be large
    -- A job that was lost by hand leaves its claims free again.
    local holder = held[i]
    holder.record, holder.token, holder.due = record, tokens[i], tonumber(dues[i] or nil)
    holder.state = record and stateOf(q, ids[i], record, tokens[i], dues[i]) or nil
  end
  return holderOf
end

-- What the producer of a new job is told of the one that has its claim, whose view is a part of the reply (lib/met).
local function answerWith(q, holder, note)
  if not q.isMet[holder] then
    q.isMet[holder] = true
    q.met[#q.met + 1] = holder
  end
  return (holder.state or 'completed') .. ' ' .. holder.id .. note
end

local function isThere(_, holder)
  return holder.state ~= nil
end

-- Whether a job holds its unique key now. A key is free where its job has ended, was lost by hand, or runs and has the trait r; and
-- where the window is over that its job has opened.
local function isHolding(q, holder)
  local state = holder.state
  if not state or state == 'completed' or state == 'cancelled' or state == 'dead' then return false end
  if state == 'active' and traitOf(redis.call('HGET', q.traits, holder.id), 'r') then return false end
  return holder.rest == '' or not windowOf(holder.rest) or isOpenWindow(q, holder.rest)
end

-- The claims of new jobs by their kind: the letter of their trait, which is that of their feature, too; their HASH; whether the claim
-- stands in the way of another job; and what the producer of that one is told beside the job that has the claim.
local function kindsOfClaims()
  return {
    { letter = 'u', hash = 'ids', stands = isThere, note = '' },
    { letter = 'q', hash = 'uniques', stands = isHolding, note = ' kept' },
  }
end

-- New jobs with these traits, as traitsOf makes them, are to be stored.
local function admit(q, traits)
  q.claims, q.met, q.isMet = kindsOfClaims(), {}, {}
  for _, kind in ipairs(q.claims) do
    local names, isAsked = {}, {}
    for i = 1, #traits do
      local name = traits[i][kind.letter]
      if name and not isAsked[name] then
        names[#names + 1] = name
        isAsked[name] = true
      end
    end
    kind.holderOf, kind.claimed = holdersOf(q, kind.hash, names), {}
  end
end

-- The job that stands in the way of one with these traits, as 'ready 1x' or, where it has the unique key, 'ready 1x kept'; nil where
-- none does.
local function outcomeOf(q, traits)
  for i = 1, #q.claims do
    local kind = q.claims[i]
    local name = traits[kind.letter]
    local holder = name and kind.holderOf[name]
    if holder and kind.stands(q, holder) then return answerWith(q, holder, kind.note) end
  end
end

-- A job with these traits is stored by this call, and stands in the way of those that follow. `rest` is that of the entry of its unique
-- key, and `row` the job, which those that follow may change (lib/conflict).
local function claim(q, traits, id, state, rest, row)
  for _, kind in ipairs(q.claims) do
    local name = traits[kind.letter]
    if name then
      kind.holderOf[name] = { id = id, state = state, rest = kind.letter == 'q' and rest or '', row = row, due = row and row.dueAt }
      kind.claimed[#kind.claimed + 1] = { name = name, holder = kind.holderOf[name] }
    end
  end
end

-- Writes what this call claims, with the mark '?' or, once the jobs have their places, with ''. A call that is completed after it
-- stopped in the middle takes the mark only from claims that no other call has taken over.
local function writeClaims(q, mark, isCompleted)
  for _, kind in ipairs(q.claims) do
    local fields = {}
    for _, claimed in ipairs(kind.claimed) do
      local entry = entryOf(claimed.holder.id, mark, claimed.holder.rest)
      if isCompleted then
        local id, stored, rest = partsOf(redis.call('HGET', q[kind.hash], claimed.name))
        entry = id == claimed.holder.id and stored == '?' and entryOf(id, '', rest)
      end
      if entry then
        fields[#fields + 1] = claimed.name
        fields[#fields + 1] = entry
      end
    end
    if #fields > 0 then
      use(q, kind.letter)
      redis.call('HSET', q[kind.hash], unpack(fields))
    end
  end
end

-- A job with these traits got no place: its marked claims go.
local function withdrawClaims(q, text, id)
  for _, kind in ipairs(kindsOfClaims()) do
    local name = traitOf(text, kind.letter)
    local owner, mark = partsOf(name and redis.call('HGET', q[kind.hash], name))
    if owner == id and mark == '?' then redis.call('HDEL', q[kind.hash], name) end
  end
end
