-- include lib/enter-lanes

-- Where the jobs of an enqueue go: into the list, by priority (`ranked`), into the lanes of their groups, later; and what is written of them. Rows are those of lib/conflict.
-- Of a call that is repeated, jobs of groups are placed as those that were stored before: they are among `ranked`.
local function sortRows(q, rows, isRepeated)
  local sorted = { pushed = {}, ranked = {}, levels = {}, isRanked = false, grouped = {}, groupedIds = {}, later = {}, laterIds = {},
    records = {}, traits = {},
    textOf = {}, -- envelopes, for events
    long = false } -- from here on a turn looks at how long envelopes are, before it takes them
  local records, later, laterIds, pushed, traits = sorted.records, sorted.later, sorted.laterIds, sorted.pushed, sorted.traits
  for i = 1, #rows do
    local row = rows[i]
    local id = row.id
    records[i * 2 - 1], records[i * 2] = id, row.record
    if q.listening then sorted.textOf[id] = row.record end
    if #row.record > RULES.longEnvelope then sorted.long = true end
    if row.traits.g then use(q, 'g') end
    if row.dueAt > q.now or row.isLater then
      local count = #laterIds + 1
      later[count * 2 - 1], later[count * 2], laterIds[count] = row.dueAt, id, id
    elseif row.traits.g and not isRepeated then
      sorted.grouped[#sorted.grouped + 1] = row
      sorted.groupedIds[#sorted.grouped] = id
    elseif row.level ~= '0' or row.traits.g then
      sorted.ranked[#sorted.ranked + 1] = id
      sorted.levels[#sorted.ranked] = tonumber(row.level)
      if not row.traits.g then sorted.isRanked = true end
    else
      pushed[#pushed + 1] = id
    end
  end
  spotNew(q, sorted.grouped)
  local count = 0
  for i = 1, #rows do
    if rows[i].text ~= '' then
      traits[count + 1], traits[count + 2] = rows[i].id, rows[i].text
      count = count + 2
    end
  end
  return sorted
end
