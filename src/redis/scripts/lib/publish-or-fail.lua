-- Publishes, and fails the script where its user may not: it is repeated until those are told who wait.
local function publish(channel, text)
  return redis.call('PUBLISH', channel, text)
end
