-- What a text in `jobs` says: an envelope, or of a job that has ended a settled line, a newline and the envelope. An envelope without a
-- newline is a first line alone: the payload lies apart, in `payloads`, and no script looks at it.

-- C completed, X cancelled, D dead; an envelope begins with its version.
local function isEnded(record)
  local head = string.byte(record)
  return head == 67 or head == 88 or head == 68
end

local function envelopeOf(record)
  if not isEnded(record) then return record end
  return string.sub(record, (string.find(record, '\n', 1, true) or 0) + 1)
end

-- Whether the payload lies in `payloads`.
local function isApart(record)
  if not isEnded(record) then return not string.find(record, '\n', 1, true) end
  local line = string.find(record, '\n', 1, true)
  return line ~= nil and not string.find(record, '\n', line + 1, true)
end

-- The first line of the envelope, without its errors.
local function headOf(record)
  local from = isEnded(record) and (string.find(record, '\n', 1, true) or 0) + 1 or 1
  local line = string.sub(record, from, (string.find(record, '\n', from, true) or 0) - 1)
  local errors = string.find(line, '"e":[{"attempt":', 1, true)
  if errors then line = string.gsub(string.sub(line, 1, errors - 1), ',$', '') .. '}' end
  return line
end
