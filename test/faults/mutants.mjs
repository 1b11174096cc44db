// Deliberate breakages, each a text change in a copy of dist, and the trial that must catch it: a trial that passes
// with its rule removed proves nothing. `because` is what the trial must say: any other failure would only show that the
// mutant does not run. A change that no longer matches stops the run: mend it here.

/** A job takes its way by the script of plain jobs or by the whole one: a rule falls in both. */
const inEach = (files, from, to) => files.map((file) => ({ file: `redis/scripts/${file}.lua`, from, to }));
const TURNS = ['settle-and-reserve', 'turn-plain'];

const NO_TOKENS = [
  ...inEach(TURNS, 'if stored[i] ~= (isShared and tokens or tokens[i]) then', 'if false then'),
  ...inEach(TURNS, 'if stored[i] == (isShared and tokens or tokens[i]) and not seen', 'if not seen'),
];

export const mutants = [
  {
    name: 'a reservation only pops: nothing is noted as in flight',
    fault: 'F01',
    because: /^(unfinished|lost) is/,
    changes: [...NO_TOKENS, ...inEach(TURNS, "redis.call('HSET', q.inflight, unpack(tokens))", '')],
  },
  {
    name: 'a settlement is taken from whoever sends it',
    fault: 'F03',
    because: /staleSettlements/,
    changes: NO_TOKENS,
  },
  {
    name: 'leases are renewed by the main loop alone',
    fault: 'F04',
    because: /^extraRuns is/,
    changes: [
      {
        file: 'redis/leases.js',
        from: 'if (!this.connection.capabilities.heartbeat || this.connection.isClosed)',
        to: 'if (true)',
      },
    ],
  },
  {
    name: 'a loop that stands still keeps its leases for ever',
    fault: 'F04B',
    because: /^taken over after/,
    changes: [
      {
        file: 'redis/wire/heartbeat.js',
        from: 'worker, stallLimitMs, slots',
        to: 'worker, stallLimitMs: Infinity, slots',
      },
    ],
  },
  {
    name: 'leases run out while Redis is away',
    fault: 'F07',
    because: /^extraRuns is/,
    changes: [
      { file: 'redis/scripts/reclaim.lua', from: 'local expired = now >= graceUntil and', to: 'local expired =' },
    ],
  },
  {
    name: 'commands have no deadline',
    fault: 'F08',
    because: /everything has ended|still open|was taken after/,
    changes: [{ file: 'redis/wire/sent-commands.js', from: 'if (sent.giveUpAt > now)', to: 'if (true)' }],
  },
  {
    name: 'a repeated enqueue is taken for a new one',
    fault: 'F09',
    because: /^duplicates is/,
    changes: [
      { file: 'redis/scripts/enqueue.lua', from: 'if number == ARGV[2] then', to: 'if false then' },
      // Under the ids of the first one it would only write the same again.
      {
        file: 'redis/scripts/enqueue.lua',
        from: 'local known, outcomes =',
        to: "for i = 3, #ARGV, 4 do ARGV[i] = ARGV[i] .. redis.call('HINCRBY', q.meta, 'minted', 1) end local known, outcomes =",
      },
    ],
  },
  {
    name: 'a repeated turn is taken for a new one',
    fault: 'F09',
    because: /^(dead|extraRuns) is|of 30 jobs completed/,
    changes: [...inEach(TURNS, 'return turn.recorded and turn.recorded >= turn.call', 'return false')],
  },
  {
    name: 'a script that Redis forgot is not sent again',
    fault: 'F12',
    because: /everything has ended|calls failed|bulk calls failed|NOSCRIPT/,
    changes: [
      { file: 'redis/wire/refusals.js', from: "NOSCRIPT: passing('send-text'", to: "NOSCRIPT: passing('refuse'" },
    ],
  },
  {
    name: 'too few confirmations are enough',
    fault: 'F15',
    because: /^of 50 calls/,
    changes: [{ file: 'redis/durable-enqueuer.js', from: 'if (got >= wanted)', to: 'if (true)' }],
  },
  {
    name: 'a full Redis refuses settlements',
    fault: 'F18',
    because: /while Redis was full|^extraRuns is/,
    changes: inEach(TURNS, '#!lua flags=allow-oom', '#!lua'),
  },
  {
    name: 'times are those of the client, not of Redis',
    fault: 'F22',
    because: /ran early/,
    changes: [
      {
        file: 'redis/wire/script-library.js',
        from: 'clockKey === undefined ? source :',
        to: "clockKey === undefined ? source.replaceAll(TIME_LINE, TIME_LINE + ' now = now + ' + Math.round(Date.now() - performance.timeOrigin - performance.now())) :",
      },
    ],
  },
  {
    name: 'a job that is given back gets no place',
    fault: 'F01',
    because: /^(unfinished|lost) is|everything has ended/,
    changes: [{ file: 'redis/scripts/reclaim.lua', from: "place(q, again, 'front')", to: '' }],
  },
  {
    name: 'crashes are not counted',
    fault: 'F27',
    because: /everything has ended|a pill ran/,
    changes: [
      { file: 'redis/scripts/reclaim.lua', from: "redis.call('HINCRBY', q.crashes, ids[positions[i]], 1)", to: '1' },
    ],
  },
  {
    name: 'a server that evicts is accepted',
    fault: 'F19',
    because: /^allkeys-lru: accepted/,
    changes: [{ file: 'redis/wire/server-facts.js', from: "startsWith('allkeys-')", to: "startsWith('never')" }],
  },
  {
    name: 'a shutdown leaves its jobs to the lease',
    fault: 'F32',
    because: /after the exit/,
    changes: [{ file: 'worker/worker-supervisor.js', from: "worker.releaseAll('shutdown');", to: '' }],
  },
  {
    name: 'whoever takes over a bulk operation begins anew, and means what is there now',
    fault: 'F51',
    because: /^(twice|beyond) is/,
    changes: [
      {
        file: 'inspector/bulk/bulk-run.js',
        from: 'const page = await walk.page(record.place, length);',
        to: "const page = await walk.page(this.hasBegun ? record.place : '0 ', length); this.hasBegun = true;",
      },
      {
        file: 'inspector/bulk/bulk-walk.js',
        from: 'return (highest === undefined || id <= highest) && (instantOf(record) ?? 0) <= at;',
        to: 'return true;',
      },
    ],
  },
  {
    name: 'the tag of a group is forgotten once it has no job that waits',
    fault: 'F53',
    because: /^comer is/,
    changes: inEach(
      ['settle-and-reserve'],
      'lane.entry, lane.turn = 0, nil',
      'lane.entry, lane.turn = 0, nil if not head then lane.tag = 0 end',
    ),
  },
  {
    name: 'a key is freed by a job that does not hold it',
    fault: 'F54',
    because: /^together is/,
    changes: inEach(['settle-and-reserve'], 'if id == owners[i] and not isOpenWindow', 'if not isOpenWindow'),
  },
  {
    name: 'a slot of a group is freed without the token',
    fault: 'F52',
    because: /^over is/,
    changes: inEach(
      ['settle-and-reserve'],
      "if stale and #leaving > 0 and has(q, 'g') then land(q, leaving, leavingTokens) end",
      "if stale and has(q, 'g') then land(q, ids, tokens) end",
    ),
  },
  {
    name: 'a hand-over ignores limits',
    fault: 'F49',
    because: /^most is/,
    changes: inEach(['enqueue', 'enqueue-plain'], "if has(q, 'r') or has(q, 'g') then return false end", ''),
  },
];
