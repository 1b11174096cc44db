-- include lib/traits

-- Unique keys: `uniques` says of each key which job has it, as its number, a mark '?' while that job has no place yet (lib/admit), and
-- what further calls must know (lib/conflict):
--   'w from until'  a window of throttled calls. It has the key until then, whatever becomes of its job. Before `from` its job waits
--   'd first due'   a debounced job: when its first call came, and when the last one let it be due
-- The trait q of a job is its key behind the job's name. It stays with a job that has ended: a dead job that is retried by hand claims
-- its key again (lib/admit).

-- What an entry says: the number, '?' or '', and the rest.
local function partsOf(entry)
  if not entry then return '', '', '' end
  return string.match(entry or '', '^([^ ?]*)(%??) ?(.*)$')
end

-- The window of an entry whose rest this is: from and until, ms. Nothing where it is none.
local function windowOf(rest)
  local from, till = string.match(rest or '', '^w (%d+) (%d+)$')
  return tonumber(from), tonumber(till)
end

-- Whether a window is open: its job may have ended, and the key is not free.
local function isOpenWindow(q, rest)
  local _, till = windowOf(rest)
  return till ~= nil and till > q.now
end

-- These jobs are live no more: the keys that they hold are free. A key that another job holds stays.
local function freeKeys(q, ids)
  local texts, keys, owners = redis.call('HMGET', q.traits, unpack(ids)), {}, {}
  for i = 1, #ids do
    local key = traitOf(texts[i], 'q')
    if key then
      keys[#keys + 1] = key
      owners[#keys] = ids[i]
    end
  end
  if #keys == 0 then return end
  local entries, freed = redis.call('HMGET', q.uniques, unpack(keys)), {}
  for i = 1, #keys do
    -- With a mark: the enqueue of the job stopped in the middle, and nobody has completed it.
    local id, _, rest = partsOf(entries[i])
    if id == owners[i] and not isOpenWindow(q, rest) then freed[#freed + 1] = keys[i] end
  end
  if #freed > 0 then redis.call('HDEL', q.uniques, unpack(freed)) end
end
