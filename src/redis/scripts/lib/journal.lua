-- Notes the jobs that are about to be moved: mend.lua looks for them, should the script stop in the middle. Whoever has read the
-- field `torn` sets q.torn, else it is read.
local function begin(q, list)
  if q.begun == nil then
    if q.torn == nil then q.torn = redis.call('HGET', q.meta, 'torn') end
    q.begun = q.torn or ''
  end
  q.begun = q.begun .. ' ' .. table.concat(list, ' ')
  redis.call('HSET', q.meta, 'torn', q.begun)
end

local function finish(q)
  if q.begun == nil then return end
  if q.torn then redis.call('HSET', q.meta, 'torn', q.torn) else redis.call('HDEL', q.meta, 'torn') end
end
