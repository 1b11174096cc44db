-- include lib/features

-- What a reader is told of a job that is stored: id, state, record, due in ms or '', progress or '', cancelling '1' or '', token of its
-- lease or ''.
local function viewOf(q, id, state, record, due, token)
  return {
    id, state, record, state == 'scheduled' and string.format('%.0f', due) or '',
    has(q, 'n') and redis.call('HGET', q.notes, id .. ':progress') or '',
    has(q, 'x') and redis.call('HEXISTS', q.cancelling, id) == 1 and '1' or '',
    state == 'active' and token or '',
  }
end
