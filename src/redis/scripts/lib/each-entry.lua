-- Visits the entries of a piece of a bundle by the last characters of their ids, ' ' for a blank that a record left which was
-- removed by hand.
local function eachEntry(piece, visit)
  local from = 1
  while from <= #piece do
    local behind = string.find(piece, '\0', from + 1, true) or #piece + 1
    visit(string.sub(piece, from + 1, from + 1), string.sub(piece, from + 2, behind - 1))
    from = behind
  end
end
