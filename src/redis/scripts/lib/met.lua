-- include lib/view-of

-- Bytes of records in one answer.
local MOST_SHOWN = 65536

-- Views of the jobs that an enqueue has met (lib/admit): its handles show them, and need not read them. { id } alone of one that is
-- kept no more. Those that would make the reply long are left out.
local function viewsOfMet(q)
  local views, length = {}, 0
  for _, holder in ipairs(q.met) do
    local record = holder.state and (holder.row and holder.row.record or holder.record)
    length = length + #(record or '')
    if not record then
      views[#views + 1] = { holder.id }
    elseif length <= MOST_SHOWN then
      views[#views + 1] = viewOf(q, holder.id, holder.state, record, holder.due, holder.token)
    end
  end
  return views
end
