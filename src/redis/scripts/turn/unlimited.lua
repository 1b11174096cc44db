-- A queue of plain jobs has no limits: what turn/reserve and turn/reply ask of lib/allowance and turn/keep-gate is answered at once.
local function allowance()
  return math.huge, math.huge
end

local function charge()
end

local function keepGate()
end

local function costsOf()
end

local function startsAlone()
end
