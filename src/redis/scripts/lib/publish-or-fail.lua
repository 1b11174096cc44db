-- Publishes, and fails the script where its user may not: it is repeated until the message to those who wait has been sent.
local function publish(channel, text)
  return redis.call('PUBLISH', channel, text)
end
