-- Gives `q`, which each part takes first: the keys of the queue by name, in the order of QueueKeys.all, and what the parts know of
-- the call.
-- KEYS  1 meta HASH      2 jobs HASH        3 ready LIST       4 priority ZSET   5 suspects LIST    6 scheduled ZSET
--       7 inflight HASH  8 parked ZSET      9 completed LIST  10 cancelled ZSET 11 dead ZSET       12 ids HASH
--      13 traits HASH   14 crashes HASH    15 cancelling HASH 16 notes HASH     17 waiters HASH    18 idle SET
--      19 workers ZSET  20 schedules HASH  21 specs HASH      22 ticks ZSET     23 runs HASH       24 announced ZSET
--      25 apps HASH     26 uniques HASH    27 payloads HASH   28 stats HASH     29 bulks HASH    30 grouped ZSET
--      31 flying ZSET    32 turns ZSET    33 held ZSET       34 lanes HASH     35 rules HASH
local q = {
  meta = KEYS[1], jobs = KEYS[2], ready = KEYS[3], priority = KEYS[4], suspects = KEYS[5], scheduled = KEYS[6],
  inflight = KEYS[7], parked = KEYS[8], completed = KEYS[9], cancelled = KEYS[10], dead = KEYS[11], ids = KEYS[12],
  traits = KEYS[13], crashes = KEYS[14], cancelling = KEYS[15], notes = KEYS[16], waiters = KEYS[17], idle = KEYS[18],
  workers = KEYS[19], schedules = KEYS[20], specs = KEYS[21], ticks = KEYS[22], runs = KEYS[23], announced = KEYS[24],
  apps = KEYS[25], uniques = KEYS[26], payloads = KEYS[27], stats = KEYS[28], bulks = KEYS[29],
  grouped = KEYS[30], flying = KEYS[31], turns = KEYS[32], held = KEYS[33], lanes = KEYS[34], rules = KEYS[35],
}
