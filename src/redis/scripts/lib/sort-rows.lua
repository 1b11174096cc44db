-- include lib/enter-lanes

-- Where the jobs of an enqueue go: into the list, by priority (`ranked`), into the lanes of their groups, later; and what is written of them. Rows are those of lib/conflict.
-- Of a call that is repeated, jobs of groups are placed as those that were stored before: they are among `ranked`.
local function sortRows(q, rows, isRepeated)
  local sorted = { pushed = {}, ranked = {}, levels = {}, isRanked = false, grouped = {}, later = {}, laterIds = {}, records = {}, traits = {},
    textOf = {}, -- envelopes, for events
    long = false } -- from here on a turn looks at how long envelopes are, before it takes them
  for _, row in ipairs(rows) do
    local id = row.id
    sorted.records[#sorted.records + 1] = id
    sorted.records[#sorted.records + 1] = row.record
    if q.listening then sorted.textOf[id] = row.record end
    if #row.record > RULES.longEnvelope then sorted.long = true end
    if row.traits.g then use(q, 'g') end
    if row.dueAt > q.now or row.isLater then
      sorted.later[#sorted.later + 1] = string.format('%.0f', row.dueAt)
      sorted.later[#sorted.later + 1] = id
      sorted.laterIds[#sorted.laterIds + 1] = id
    elseif row.traits.g and not isRepeated then
      sorted.grouped[#sorted.grouped + 1] = row
    elseif row.level ~= '0' or row.traits.g then
      sorted.ranked[#sorted.ranked + 1] = id
      sorted.levels[#sorted.ranked] = tonumber(row.level)
      if not row.traits.g then sorted.isRanked = true end
    else
      sorted.pushed[#sorted.pushed + 1] = id
    end
  end
  spotNew(q, sorted.grouped)
  for _, row in ipairs(rows) do
    if row.text ~= '' then
      sorted.traits[#sorted.traits + 1] = row.id
      sorted.traits[#sorted.traits + 1] = row.text
    end
  end
  return sorted
end
