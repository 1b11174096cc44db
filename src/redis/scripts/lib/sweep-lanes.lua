-- include lib/lane-moves

-- Groups that nobody needs any more, and what a server lost or a hand changed: one step of at most so many, from where the last one
-- stopped. Each lane that is kept is settled anew. Returns whether more may be over.

-- Jobs that do not run do not count as running.
local function sweepFlying(q, most)
  local from = redis.call('HGET', q.meta, 'flyingCursor')
  local page, ids, gone = redis.call('ZRANGEBYLEX', q.flying, from and '(' .. from or '-', '+', 'LIMIT', 0, most), {}, {}
  for i = 1, #page do ids[i] = flyingIdIn(page[i]) end
  local tokens = #ids > 0 and redis.call('HMGET', q.inflight, unpack(ids)) or {}
  for i = 1, #ids do
    if not tokens[i] then
      gone[#gone + 1] = page[i]
      touchLane(q, laneOf(q, keyIn(page[i])))
    end
  end
  if #gone > 0 then redis.call('ZREM', q.flying, unpack(gone)) end
  if #page < most then redis.call('HDEL', q.meta, 'flyingCursor') else redis.call('HSET', q.meta, 'flyingCursor', page[most]) end
end

-- Whether nothing of a lane would be missed: it begins anew, with no less than its share.
local function isOver(q, lane)
  return lane.key ~= '' and not firstReady(q, lane) and lane.tag <= q.served and lane.gate <= q.now and not holderOf(q, lane)
    and (not lane.window or #lane.window.slots == 0 and lane.window.next <= q.now) and runningIn(q, lane) == 0
end

local function sweepLanes(q, cursor, most)
  readServed(q)
  sweepFlying(q, most)
  local scan, keys, over = redis.call('HSCAN', q.lanes, cursor or '0', 'COUNT', most), {}, {}
  for i = 1, #scan[2], 2 do keys[#keys + 1] = scan[2][i] end
  local lanes = lanesOf(q, keys)
  for i = 1, #lanes do
    if not lanes[i].isTouched and isOver(q, lanes[i]) then
      over[#over + 1] = keys[i]
      redis.call('ZREM', q.turns, turnOf(lanes[i]))
      redis.call('ZREM', q.held, keys[i])
    elseif keys[i] ~= '' then
      touchLane(q, lanes[i])
    end
  end
  if #over > 0 then redis.call('HDEL', q.lanes, unpack(over)) end
  closeLanes(q)
  redis.call('HSET', q.meta, 'lanesCursor', scan[1])
  return #over > 0 and scan[1] ~= '0'
end
