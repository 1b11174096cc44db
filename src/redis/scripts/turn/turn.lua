-- The turn, from its arguments and `meta`: what every step reads, and adds to.
local function openTurn(q, now, seconds)
  local worker, asks = ARGV[1], tonumber(ARGV[6])
  local turn = {
    worker = worker, call = tonumber(ARGV[3]), seconds = seconds, leaseMs = tonumber(ARGV[4]), want = tonumber(ARGV[5]),
    adopt = ARGV[7], handedFence = tonumber(ARGV[9]), recordField = '@' .. ARGV[2], handedField = '@' .. worker .. '!',
    isAlone = asks % 2 == 1, isListed = asks % 4 >= 2, takesHanded = asks >= 4,
    -- What it settles.
    trimmedDead = 0, added = 0, maxCompleted = math.huge, maxBytes = math.huge,
    -- What it reserves.
    ids = {}, envelopes = {}, handed = '', handedIds = {}, handedFences = {},
    fromReady = 0, fromSuspects = {},
    -- Whether counters of `meta` changed, whether a job is due before all that were there, and whether the next job is too long.
    isDirty = false, isEarlier = false, isFull = false,
  }
  local completedBytes, completedCount, readyHoles
  q.fence, completedBytes, completedCount, readyHoles, turn.record, turn.handedRecord, q.torn = readState(q, now,
    'fence', 'completedBytes', 'completedCount', 'readyHoles', turn.recordField, turn.handedField, 'torn')
  q.fence = q.fence or '0'
  turn.completedBytes, turn.completedCount = tonumber(completedBytes or 0), tonumber(completedCount or 0)
  turn.readyHoles = tonumber(readyHoles or 0)
  q.maxCrashes, q.lost, q.settlesLanes = tonumber(ARGV[8]), {}, true
  return turn
end

-- Whether the caller made this call, or a newer one, before.
local function isAnswered(turn)
  turn.recorded = turn.record and tonumber(string.match(turn.record, '^%d+'))
  return turn.recorded and turn.recorded >= turn.call
end
