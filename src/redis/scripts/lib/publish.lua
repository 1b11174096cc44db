-- Publishes; returns how many hear it. What was written stands, also for a user without rights on channels: workers find it
-- by their scans and beats.
local function publish(channel, text)
  local heard = redis.pcall('PUBLISH', channel, text)
  return type(heard) == 'number' and heard or 0
end
