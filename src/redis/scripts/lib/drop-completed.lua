-- include lib/each-word
-- include lib/end-job

-- Deletes the records that the oldest elements of `completed` name. Returns how many had been removed by hand.
local function dropCompleted(q, elements)
  local named = {}
  for i = 1, #elements do eachWord(elements[i], function(id) named[#named + 1] = id end) end
  return #named - deleteJobs(q, named, true)
end
