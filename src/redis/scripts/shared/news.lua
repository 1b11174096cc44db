-- One event as a line: what happened, the job's number, the ms of the run that ended (or nothing), a tab, the first line of its
-- envelope without its errors, a tab, a detail. `record` may be an envelope, a settled record, or false.
local function newsOf(event, id, record, detail, ms)
  local line = ''
  if record then
    local from, first = 1, string.byte(record)
    if first == 67 or first == 88 or first == 68 then from = (string.find(record, '\n', 1, true) or 0) + 1 end
    line = string.sub(record, from, (string.find(record, '\n', from, true) or 0) - 1)
    local errors = string.find(line, '"e":[{"attempt":', 1, true)
    if errors then line = string.gsub(string.sub(line, 1, errors - 1), ',$', '') .. '}' end
    if #line > 8192 or string.find(line, '\t', 1, true) then line = '' end
  end
  return event .. ' ' .. id .. ' ' .. (ms or '') .. '\t' .. line .. '\t' .. detail
end
