-- Visits the ids that an element of `completed` names.
local function eachWord(element, visit)
  local words = string.sub(element, string.match(element, '^%d+ %d+ %d+()'))
  for word in string.gmatch(words, '[^ ]+') do visit(word) end
end
