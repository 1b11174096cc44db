-- Visits the entries of a piece of a bundle: a zero byte, the last character of an id, a record. One that was removed by hand
-- is blank, at its full length.
local function eachEntry(piece, visit)
  local from = 1
  while from <= #piece do
    local next = string.find(piece, '\0', from + 1, true) or #piece + 1
    visit(string.sub(piece, from + 1, from + 1), string.sub(piece, from + 2, next - 1))
    from = next
  end
end
