-- Visits what an element of `completed` names: an id whose record lies in `jobs`, or `:prefix:suffixes:bytes` for the piece of
-- a bundle, whose ids are the prefix and one of these characters each.
local function eachWord(element, visit)
  local words = string.sub(element, string.match(element, '^%d+ %d+ %d+()'))
  for word in string.gmatch(words, '[^ ]+') do
    local prefix, suffixes, bytes
    if string.byte(word) == 58 then prefix, suffixes, bytes = string.match(word, '^:(.*):(%w+):(%d+)$') end
    visit(word, prefix, suffixes, bytes and tonumber(bytes))
  end
end
