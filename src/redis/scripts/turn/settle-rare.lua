-- include turn/complete
-- include lib/go-on
-- include lib/place
-- include lib/close-gates
-- include lib/trim-ends

-- Settlements other than completions. Sections are functions by their letter: each gets the number of its items and the argument
-- where they begin, and returns where the next section begins. They are made where one comes: making a function costs about as
-- much as a command.
local function rareSections(q, turn)
  local sections = {}

  -- One argument of each item, so many arguments long.
  local function column(at, count, length, offset)
    local values = {}
    for i = 1, count do values[i] = ARGV[at + (i - 1) * length + offset] end
    return values
  end

  -- The newest error in the header of a job that failed, as core/envelope.ts writes it.
  local function newestErrorOf(envelope)
    return string.match(string.match(envelope, '^[^\n]*'), '^.*({"attempt":.*)%]}$') or ''
  end

  -- A token, then ids, delays and envelopes: the jobs run again, at once or later.
  local function runAgain(count, at, event)
    local ids, delays, envelopes = column(at + 1, count, 3, 0), column(at + 1, count, 3, 1), column(at + 1, count, 3, 2)
    local going = goOn(q, ids, ARGV[at], 'ran', envelopes)
    local fields, later, again = {}, {}, {}
    for i = 1, #going do
      local position = going[i]
      local id, delay, envelope = ids[position], delays[position], envelopes[position]
      if envelope ~= '' then
        fields[#fields + 1] = id
        fields[#fields + 1] = envelope
      end
      if delay ~= '0' then
        later[#later + 1] = string.format('%.0f', q.now + tonumber(delay))
        later[#later + 1] = id
      else
        again[#again + 1] = id
      end
    end
    if #fields > 0 then redis.call('HSET', q.jobs, unpack(fields)) end
    for i = 1, q.listening and #going or 0 do
      local envelope = envelopes[going[i]]
      local detail = event == 'retrying' and newestErrorOf(envelope) or delays[going[i]]
      addEvent(q, event, ids[going[i]], envelope ~= '' and envelope, detail)
    end
    if placeLater(q, later) then turn.isEarlier = true end
    place(q, again, 'back')
    return at + 1 + count * 3
  end

  function sections.R(count, at) return runAgain(count, at, 'retrying') end
  function sections.S(count, at) return runAgain(count, at, 'snoozed') end

  function sections.T(count, at)
    q.took = {}
    for i = 1, count do q.took[ARGV[at + i * 2 - 2]] = ARGV[at + i * 2 - 1] end
    return at + count * 2
  end

  function sections.L(count, at)
    local ids = column(at, count, 2, 0)
    local again = pick(ids, goOn(q, ids, column(at, count, 2, 1), 'unrun'))
    place(q, again, 'front')
    for i = #again, 1, -1 do addEvent(q, 'released', again[i], false, '') end
    return at + count * 2
  end

  local function limit(count, at, isOfGroup)
    local ids, waits = column(at, count, 3, 0), column(at, count, 3, 2)
    local going = goOn(q, ids, column(at, count, 3, 1), 'unrun')
    local again = pick(ids, going)
    closeGates(q, again, pick(waits, going), isOfGroup)
    place(q, again, 'front')
    for i = #again, 1, -1 do addEvent(q, 'released', again[i], false, '') end
    return at + count * 3
  end

  function sections.G(count, at) return limit(count, at, false) end
  function sections.H(count, at) return limit(count, at, true) end

  function sections.P(count, at)
    local ids, names, traits, members = column(at, count, 3, 0), column(at, count, 3, 2), {}, {}
    local going = goOn(q, ids, column(at, count, 3, 1), 'unrun')
    for i = 1, #going do
      local id, name = ids[going[i]], string.gsub(names[going[i]], '\n', ' ') -- a foreign name may hold newlines
      traits[i * 2 - 1] = id
      traits[i * 2] = withTrait(redis.call('HGET', q.traits, id), 'n', name)
      members[i * 2 - 1] = 0
      members[i * 2] = name .. ' ' .. id
    end
    if #members > 0 then
      use(q, 't')
      use(q, 'k')
      redis.call('HSET', q.traits, unpack(traits))
      redis.call('ZADD', q.parked, unpack(members))
    end
    for i = 1, #going do
      publish(string.sub(q.meta, 1, -5) .. 'signals', 'parked ' .. names[going[i]])
      addEvent(q, 'parked', ids[going[i]], false, names[going[i]])
    end
    return at + count * 3
  end

  -- Keep count, keep bytes, then items of this length, an id and a token first.
  local function bury(state, count, at, length)
    local ids, keep = column(at + 2, count, length, 0), { count = tonumber(ARGV[at]), bytes = tonumber(ARGV[at + 1]) }
    local details, envelopes = '{"reason":"cancelled"}', nil
    if state == 'dead' then details, envelopes = column(at + 2, count, 4, 2), column(at + 2, count, 4, 3) end
    local left = leave(q, ids, column(at + 2, count, length, 1))
    if left then
      ids = pick(ids, left)
      if state == 'dead' then details, envelopes = pick(details, left), pick(envelopes, left) end
    end
    endJobs(q, state, ids, details, envelopes, keep.count >= 0)
    -- As many as it keeps and some more: behind a limit that was lowered the janitor helps.
    local trimmed = keep.count >= 0 and #ids > 0 and trimEnds(q, state, keep, 100 + #ids) or 0
    if state == 'dead' then turn.trimmedDead = turn.trimmedDead + trimmed end
    return at + 2 + count * length
  end

  function sections.X(count, at) return bury('cancelled', count, at, 2) end
  function sections.D(count, at) return bury('dead', count, at, 4) end
  return sections
end

local function settle(q, turn)
  local sections
  local at, last = 10, #ARGV
  while at <= last do
    local op, count = ARGV[at], tonumber(ARGV[at + 1])
    if op == 'C' or op == 'K' then
      at = complete(q, turn, op, count, at + 2)
    else
      sections = sections or rareSections(q, turn)
      if not sections[op] then error('unknown settlement ' .. tostring(op)) end
      at = sections[op](count, at + 2)
    end
  end
end
