-- Notes the jobs that are about to be moved: mend.lua looks for them, should the script stop in the middle. Needs `meta`.
local tornBefore, begun
local function begin(list)
  if not begun then
    tornBefore = redis.call('HGET', meta, 'torn')
    begun = tornBefore or ''
  end
  begun = begun .. ' ' .. table.concat(list, ' ')
  redis.call('HSET', meta, 'torn', begun)
end
local function finish()
  if tornBefore then redis.call('HSET', meta, 'torn', tornBefore) elseif begun then redis.call('HDEL', meta, 'torn') end
end
