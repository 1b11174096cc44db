-- include lib/unplace
-- include lib/end-job

-- Jobs of one state, which is not active, are deleted with all that is kept beside them; the caller has noted them.
local function removeJobs(q, state, ids, records)
  local lines, bytes = {}, 0
  for i = 1, #ids do
    if isEnded(records[i]) then bytes = bytes + sizeOf(q, ids[i], records[i]) else unplace(q, ids[i]) end
    lines[i] = 'X' .. q.nowText .. '{"reason":"removed"}'
    addEvent(q, 'removed', ids[i], records[i], '')
  end
  if #ids > 0 and isEnded(records[1]) then dropEnd(q, state, ids, bytes) end
  addEnds(q, ids, lines)
  deleteJobs(q, ids)
end
