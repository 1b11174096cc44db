-- include turn/take-shares
-- include lib/take
-- include lib/promote-due
-- include lib/features
-- include lib/wake
-- include lib/notify
-- include lib/marked-of

-- 1 paused, 2 more may start than this turn took, 4 suspects, 8 parked, 16 somebody listens to events, 32 turn-plain.lua would not do,
-- 64 limits, 128 payloads may lie apart, 256 somebody awaits results.
local function flagsOf(q, turn)
  local flags = (q.paused and 1 or 0) + (q.listening and 16 or 0) + ((q.listening or q.features ~= '') and 32 or 0)
    + (has(q, 'b') and 128 or 0) + (has(q, 'w') and 256 or 0)
  if turn.isLeft == nil then turn.isLeft = redis.call('LLEN', q.ready) > 0 end
  local isLeft = turn.isLeft or has(q, 'p') and redis.call('EXISTS', q.priority) == 1
  local lanesOpenAt
  if has(q, 'g') then
    local isLaneLeft
    isLaneLeft, lanesOpenAt = lookAtLanes(q)
    isLeft = isLeft or isLaneLeft
    if redis.call('EXISTS', q.rules) == 1 and not has(q, 'r') then flags = flags + 64 end
  end
  if has(q, 'r') then
    flags = flags + 64
    local isRareLeft = turn.isAlone and has(q, 'c') and redis.call('EXISTS', q.suspects) == 1
      or turn.adopt ~= '' and has(q, 'k') and redis.call('EXISTS', q.parked) == 1
    if isLeft or isRareLeft then
      local free, _, opensAt = allowance(q, turn.needed)
      isLeft, turn.opensAt, turn.isClosed = isLeft and free > 0, free <= 0 and opensAt, free <= 0
    end
  end
  turn.opensAt = turn.opensAt or lanesOpenAt
  if isLeft then flags = flags + 2 end
  if has(q, 'c') and redis.call('EXISTS', q.suspects) == 1 and not (has(q, 'g') and areSuspectsHeld(q)) then
    -- One worker at a time lets its jobs end to take a suspect alone; the others go on.
    local claimant, claimedUntil = string.match(redis.call('HGET', q.meta, 'suspectClaim') or '', '^(.*) (%d+)$')
    if turn.isAlone and turn.isClosed then
      -- It could not start one: a worker whose own jobs fill the limit lets them end.
      if claimant == turn.worker then redis.call('HDEL', q.meta, 'suspectClaim') end
    elseif not claimant or claimant == turn.worker or tonumber(claimedUntil) <= q.now then
      local claim = turn.worker .. ' ' .. string.format('%.0f', q.now + RULES.suspectClaimLeases * turn.leaseMs)
      redis.call('HSET', q.meta, 'suspectClaim', claim)
      flags = flags + 4
    end
  end
  if has(q, 'k') and redis.call('EXISTS', q.parked) == 1 then flags = flags + 8 end
  return flags
end

-- When a worker looks again although nobody wakes it: the next job is due, or a rate permits the next start.
local function lookAgainAt(q, turn, hasRoom)
  local due = hasRoom and has(q, 's') and nextDue(q) or ''
  local opensAt = turn.opensAt and keepGate(q, turn, hasRoom)
  if not opensAt or due ~= '' and tonumber(due) <= opensAt then return due end
  return string.format('%.0f', opensAt)
end

-- Long ones stay apart: Lua reads every text that it makes from end to end.
local function packed(envelopes)
  if #envelopes > 0 and #envelopes[1] >= 1024 then return envelopes end
  return table.concat(envelopes, '\0')
end

-- Writes the record of the call, then leases what it reserved, then shortens the lines, then sends messages: where it stops in between,
-- mend.lua knows by the record which jobs may lie in two places.
local function reply(q, turn)
  local lostText, idText, room = table.concat(q.lost, ','), table.concat(turn.ids, ','), turn.room - #turn.ids
  room = turn.takesHanded and room > 0 and room or 0
  local record = turn.call .. ' ' .. turn.seconds .. ' ' .. q.fence .. ' ' .. turn.leaseMs .. ' ' .. room .. ' ' .. turn.handed
    .. ' ' .. lostText .. ' ' .. idText
  if turn.isDirty then
    redis.call('HSET', q.meta, turn.recordField, record, 'fence', q.fence, 'completedBytes', turn.completedBytes,
      'completedCount', turn.completedCount, 'readyHoles', turn.readyHoles)
  else
    redis.call('HSET', q.meta, turn.recordField, record)
  end
  -- What has not arrived stays on its way. The room is what this turn leaves: in its record, or beside that of the first lane.
  if turn.handed ~= '' or turn.recordField ~= '@' .. turn.worker then
    redis.call('HSET', q.meta, turn.handedField, '0 ' .. turn.seconds .. ' ' .. room .. ' ' .. turn.handed)
  elseif turn.handedRecord then
    redis.call('HDEL', q.meta, turn.handedField)
  end
  if turn.fence then take(q, turn.worker, turn.ids, turn.leaseMs, turn.fence) end
  if turn.fromReady > 0 then redis.call('LTRIM', q.ready, turn.fromReady, -1) end
  for i = 1, #turn.fromSuspects do redis.call('LREM', q.suspects, 1, turn.fromSuspects[i]) end
  if turn.fromPriority then redis.call('ZREM', q.priority, unpack(turn.fromPriority)) end
  if turn.fromParked then redis.call('ZREM', q.parked, unpack(turn.fromParked)) end
  if has(q, 'g') then closeShares(q, turn) end
  finish(q)

  local flags = flagsOf(q, turn)
  local leavesWork, hasRoom = flags % 4 >= 2 or turn.isEarlier, #turn.ids < turn.want
  -- Before others are woken: this worker must not be woken for what it leaves behind itself.
  if turn.isListed and (leavesWork or not hasRoom) then redis.call('SREM', q.idle, turn.worker) end
  if leavesWork then wake(q) end
  -- Room left: the next job that becomes ready wakes this worker.
  if hasRoom then redis.call('SADD', q.idle, turn.worker) end
  local nextDueText = lookAgainAt(q, turn, hasRoom)
  sendNotices(q)

  local crashText, envelopes, marked = '', turn.envelopes, has(q, 'x') and table.concat(markedOf(q, turn.worker), ',') or ''
  if turn.crashes then
    for i = 1, #turn.ids do turn.crashes[i] = turn.crashes[i] or '0' end
    crashText = string.rep('0,', #turn.handedIds) .. table.concat(turn.crashes, ',')
  end
  if #turn.handedIds > 0 then
    local late = redis.call('HMGET', q.jobs, unpack(turn.handedIds))
    for i = #late, 1, -1 do table.insert(envelopes, 1, late[i] or '') end
    idText = table.concat(turn.handedIds, ',') .. (idText ~= '' and ',' or '') .. idText
  end
  return { q.nowText, q.fence, flags, nextDueText, turn.trimmedDead, lostText, marked, table.concat(turn.handedFences, ','), idText,
    packed(envelopes), crashText }
end
