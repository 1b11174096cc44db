-- include lib/allowance
-- include lib/wake

-- A rate lets nothing start before turn.opensAt, and jobs wait: one worker, the gatekeeper, looks again exactly then, the others a
-- while later, because it may have died. Returns when this one does, in ms; nil where it has no room: then another one is woken, and
-- becomes the gatekeeper.
local function keepGate(q, turn, hasRoom)
  if isGateKept(q, turn.opensAt, turn.worker) then return hasRoom and turn.opensAt + RULES.gateBelievedMs or nil end
  if hasRoom then
    redis.call('HSET', q.meta, 'gatekeeper', turn.worker .. ' ' .. string.format('%.0f', turn.opensAt))
    return turn.opensAt
  end
  redis.call('HDEL', q.meta, 'gatekeeper')
  wake(q)
end
