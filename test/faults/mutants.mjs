// Deliberate breakages, each a text change in a copy of dist, and the trial that must catch it: a trial that passes
// with its rule removed proves nothing. `because` is what the trial must say: any other failure would only show that the
// mutant does not run. A change that no longer matches stops the run: mend it here.
const ENQUEUE = 'redis/scripts/enqueue.lua';
const SETTLE = 'redis/scripts/settle-and-reserve.lua';

const NO_TOKENS = [
  {
    file: SETTLE,
    // One job at a time, or a section at once.
    from: /redisCall\('HGET', inflight, id\) ~= token|tokens\[i\] == ARGV\[at \+ 1\]/,
    to: (check) => String(check.includes('==')),
  },
  { file: SETTLE, from: 'if tokens[i] ~= token then stale = true end', to: '' },
  { file: SETTLE, from: 'leased[i] = tokens[i] == token and not', to: 'leased[i] = not' },
];

export const mutants = [
  {
    name: 'a reservation only pops: nothing is noted as in flight',
    fault: 'F01',
    because: /^(unfinished|lost) is/,
    changes: [...NO_TOKENS, { file: SETTLE, from: "redisCall('HSET', inflight, unpack(fields))", to: '' }],
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
    changes: [{ file: 'redis/wire/heartbeat.worker.js', from: 'now - tickedAt > stallLimitMs', to: 'false' }],
  },
  {
    name: 'leases run out while Redis is away',
    fault: 'F07',
    because: /^extraRuns is/,
    changes: [{ file: 'redis/scripts/reclaim.lua', from: 'if now >= graceUntil then', to: 'if true then' }],
  },
  {
    name: 'commands have no deadline',
    fault: 'F08',
    because: /everything has ended|still open|was taken after/,
    changes: [{ file: 'redis/wire/link.js', from: 'if (entry.giveUpAt > now)', to: 'if (true)' }],
  },
  {
    name: 'a repeated enqueue is taken for a new one',
    fault: 'F09',
    because: /^duplicates is/,
    changes: [
      { file: ENQUEUE, from: 'if number == ARGV[2] then', to: 'if false then' },
      // Under the ids of the first one it would only write the same again.
      {
        file: ENQUEUE,
        from: 'local listening =',
        to: "for i = 4, #ARGV, 2 do ARGV[i] = ARGV[i] .. redisCall('HINCRBY', meta, 'minted', 1) end local listening =",
      },
    ],
  },
  {
    name: 'a repeated turn is taken for a new one',
    fault: 'F09',
    because: /^(dead|extraRuns) is|of 30 jobs completed/,
    changes: [{ file: SETTLE, from: 'if recorded and recorded >= tonumber(callNumber) then', to: 'if false then' }],
  },
  {
    name: 'a script that Redis forgot is not sent again',
    fault: 'F12',
    because: /everything has ended|calls failed|bulk calls failed|NOSCRIPT/,
    changes: [{ file: 'redis/wire/store-errors.js', from: "NOSCRIPT: 'send-text'", to: "NOSCRIPT: 'refuse'" }],
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
    changes: [{ file: SETTLE, from: '#!lua flags=allow-oom', to: '#!lua' }],
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
    name: 'crashes are not counted',
    fault: 'F27',
    because: /everything has ended|a pill ran/,
    changes: [{ file: 'redis/scripts/reclaim.lua', from: "redis.call('HINCRBY', crashes, id, 1)", to: '1' }],
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
];
