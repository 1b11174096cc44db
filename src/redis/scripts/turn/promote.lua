-- include lib/promote-due

-- Scheduled jobs that are due become ready: this turn may take them.
local function promote(q, turn)
  if has(q, 's') and promoteDue(q, RULES.mostPromoted) > 0 then turn.isDirty = true end
end
