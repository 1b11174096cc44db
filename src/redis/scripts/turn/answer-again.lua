-- include turn/reply

-- A repeated call: the reply of the first was lost. Same reservation again, nothing else happens.
local function answerAgain(q, turn)
  local fence, handed, lostText, idText = string.match(turn.record, '^%d+ %d+ (%d+) %d+ %d+ ([^ ]*) ([^ ]*) (.*)$')
  local fences, ids, envelopes, crashes = {}, {}, {}, {}
  local function give(id, token)
    if redis.call('HGET', q.inflight, id) ~= token then return false end
    local at = #ids + 1
    ids[at] = id
    envelopes[at] = redis.call('HGET', q.jobs, id) or ''
    crashes[at] = redis.call('HGET', q.crashes, id) or '0'
    return true
  end
  -- A socket that was given up may deliver its bytes after later calls: what it reserved, nobody would run.
  if turn.recorded == turn.call then
    for handedFence, id in string.gmatch(handed, '(%d+):([^,]+)') do
      if give(id, turn.worker .. ':' .. handedFence) then fences[#fences + 1] = handedFence end
    end
    for id in string.gmatch(idText, '[^,]+') do give(id, turn.worker .. ':' .. fence) end
    if #ids < turn.want then redis.call('SADD', q.idle, turn.worker) end
  else
    lostText = ''
  end
  local flags = flagsOf(q, turn)
  return { q.nowText, fence, flags, lookAgainAt(q, turn, #ids < turn.want), 0, lostText, '', table.concat(fences, ','),
    table.concat(ids, ','), packed(envelopes), table.concat(crashes, ',') }
end
