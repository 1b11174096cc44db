-- The first line of the envelope in a record, without its errors. The record may be an envelope, or a settled one.
local function headOf(record)
  local from, first = 1, string.byte(record)
  if first == 67 or first == 88 or first == 68 then from = (string.find(record, '\n', 1, true) or 0) + 1 end
  local line = string.sub(record, from, (string.find(record, '\n', from, true) or 0) - 1)
  local errors = string.find(line, '"e":[{"attempt":', 1, true)
  if errors then line = string.gsub(string.sub(line, 1, errors - 1), ',$', '') .. '}' end
  return line
end
