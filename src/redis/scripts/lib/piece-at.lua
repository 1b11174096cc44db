-- include lib/each-word
-- include lib/each-entry

-- Where the piece of a bundle begins and ends that lies behind so many bytes. It is empty if the bundle was deleted by hand
-- since: what begins there is younger.
local function pieceAt(bundle, before, suffixes, bytes)
  local first = string.byte(bundle, before + 2)
  if first ~= 32 and first ~= string.byte(suffixes) then return before + 1, before end
  return before + 1, math.min(before + bytes, #bundle)
end
