-- Parked jobs whose names a worker knows, at most so many: their members and their ids. `adopt` is '*' for any, or names joined by ' '.
local function adoptable(q, adopt, most)
  local members, ids = {}, {}
  if adopt == '*' then
    members = redis.call('ZRANGE', q.parked, 0, most - 1)
  else
    for name in string.gmatch(adopt, '[^ ]+') do
      local room = most - #members
      if room <= 0 then break end
      local found = redis.call('ZRANGEBYLEX', q.parked, '[' .. name .. ' ', '(' .. name .. '!', 'LIMIT', 0, room)
      for i = 1, #found do
        -- Only an id may follow: "resize all" is another name than "resize".
        if not string.find(found[i], ' ', #name + 2, true) then members[#members + 1] = found[i] end
      end
    end
  end
  for i = 1, #members do ids[i] = string.match(members[i], '([^ ]+)$') end -- a foreign name may hold spaces
  return members, ids
end
