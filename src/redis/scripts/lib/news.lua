-- include lib/head-of

-- One event as a line: what happened, the job's number, the ms of the run that ended (or nothing), a tab, the first line of its
-- envelope without its errors, a tab, a detail. `record` may be an envelope, a settled record, or false.
local function newsOf(event, id, record, detail, ms)
  local line = record and headOf(record) or ''
  if #line > 8192 or string.find(line, '\t', 1, true) then line = '' end
  return event .. ' ' .. id .. ' ' .. (ms or '') .. '\t' .. line .. '\t' .. detail
end
