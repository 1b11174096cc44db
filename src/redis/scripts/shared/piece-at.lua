-- include each-word
-- include each-entry

-- The piece of a bundle behind so many bytes; '' if the bundle was deleted by hand since: what begins there is younger.
local function pieceAt(bundle, before, suffixes, bytes)
  local first = string.sub(bundle, before + 2, before + 2)
  if first ~= ' ' and first ~= string.sub(suffixes, 1, 1) then return '' end
  return string.sub(bundle, before + 1, before + bytes)
end
