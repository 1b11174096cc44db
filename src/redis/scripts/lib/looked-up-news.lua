-- include lib/news

-- The record of a job that something is told of: of long ones no more in one call than Lua copies in some 2 ms. Needs `jobs`.
local newsRoom = 524288
local function recordForNews(id)
  newsRoom = newsRoom - redis.call('HSTRLEN', jobs, id)
  return newsRoom > 0 and redis.call('HGET', jobs, id)
end
