// What can be measured, under which conditions, and which figures decide. Names, counts and conditions stay as they
// are: figures of other runs, and of other harnesses with the same names, are to be compared with these.
//
// A figure is "better" when it is more or less of its unit. The first one of a scenario is its headline.

const more = (key, unit) => ({ key, unit, better: 'more' });
const less = (key, unit) => ({ key, unit, better: 'less' });

const COSTS = [less('redisUsPerJob', 'µs'), less('nodeUsPerJob', 'µs'), less('commandsPerJob', '')];
const ADDS = [more('jobsPerSec', 'jobs/s'), ...COSTS];
const LATENCY = [less('latencyUs.p50', 'µs'), less('latencyUs.p99', 'µs')];

/** Systems whose completed jobs leave nothing to be compared. */
const KEEP_NOTHING = ['raw', 'raw:pipe', 'bullmq:rm', 'bee-queue:fast'];

const MILLION = 1_000_000;
const LONG_MS = 900_000;

/**
 * @param {{ payload: number, scale: number, queues: number, workers: number }} options
 * @returns the catalogue; `measure` names a function of measures/, `without` the systems a plain run leaves out
 */
export function createScenarios({ payload, scale, queues, workers }) {
  // Large payloads: as many jobs as Redis holds comfortably, in calls of some 3 MB.
  const fit = (count) => (payload <= 100 ? count : Math.min(count, Math.max(500, Math.floor(256e6 / payload))));
  const n = (count) => fit(Math.max(100, Math.round(count * scale)));
  const chunk = Math.min(1000, Math.floor(3e6 / payload));
  const inflight = Math.min(1000, chunk);

  const scenarios = {
    ...Object.fromEntries([100, 500, 2000].map((perSecond) => [`steady-${perSecond}`, steady(perSecond)])),
    'sleep-10': {
      about: '10,000 jobs of 10 ms, preloaded, concurrency 100: time over the perfect second',
      measure: 'sleepers',
      params: { jobs: n(10_000), jobMs: 10, concurrency: 100, chunk },
      figures: [less('overPerfect', '×'), less('seconds', 's')],
    },
    mixed: {
      about: '90 % of the payloads have 2 kB, 10 % have 50 kB: 100 adds in flight, then a drain with concurrency 100',
      measure: 'mixed',
      params: { jobs: n(20_000), warm: n(2000), concurrency: 100, inflight: 100 },
      figures: [
        more('drain.jobsPerSec', 'jobs/s'),
        more('add.jobsPerSec', 'jobs/s'),
        less('drain.redisUsPerJob', 'µs'),
        less('add.redisUsPerJob', 'µs'),
        less('drain.nodeUsPerJob', 'µs'),
        less('add.nodeUsPerJob', 'µs'),
      ],
    },
    rss: {
      about: 'resident memory of a worker that runs in a Nest application, after 100,000 jobs, concurrency 100',
      measure: 'residentMemory',
      params: { jobs: 100_000, portion: 10_000, concurrency: 100, chunk },
      figures: [less('residentMb', 'MB'), less('heapMb', 'MB'), less('idleMb', 'MB')],
    },
    idle: {
      about: 'ten idle workers in one process, 60 s',
      measure: 'idle',
      params: { workers: 10, seconds: Math.max(2, Math.round(60 * Math.min(1, scale))) },
      figures: [
        less('clientCommandsPerSec', '/s'),
        less('readsPerSec', '/s'),
        less('commandsPerSec', '/s'),
        less('workerCpuMsPerSec', 'ms/s'),
        less('connectionsPerWorker', ''),
      ],
    },
    'latency-idle': {
      about: 'enqueue call to handler start: 100 jobs/s, concurrency 1',
      measure: 'latency',
      params: { jobs: n(600), warm: 100, perSecond: 100, concurrency: 1 },
      figures: LATENCY,
    },
    'latency-2000': {
      about: 'enqueue call to handler start: 2000 jobs/s, concurrency 10',
      measure: 'latency',
      params: { jobs: n(8000), warm: 2000, perSecond: 2000, concurrency: 10 },
      figures: LATENCY,
    },
    delayed: {
      about: '10,000 jobs due at one instant 2 s ahead, concurrency 100: lateness of their starts',
      measure: 'delayed',
      params: { jobs: n(10_000), aheadMs: 2000, concurrency: 100, chunk },
      figures: [
        less('drainMs', 'ms'),
        less('latenessMs.p50', 'ms'),
        less('latenessMs.max', 'ms'),
        less('early', 'jobs'),
      ],
    },
    'enqueue-one': {
      about: 'one awaited add at a time',
      measure: 'enqueueOne',
      params: { jobs: n(20_000), warm: n(2000) },
      figures: [...ADDS, ...LATENCY],
    },
    'enqueue-conc': {
      about: '1000 adds in flight',
      measure: 'enqueueInFlight',
      params: { jobs: n(50_000), warm: n(5000), inflight },
      figures: ADDS,
    },
    'enqueue-conc-ap': {
      about: '1000 adds in flight, auto-pipelining of ioredis on',
      measure: 'enqueueInFlight',
      params: { jobs: n(50_000), warm: n(5000), inflight, autoPipelining: true },
      figures: ADDS,
      extra: true,
    },
    'enqueue-loops': {
      about: '50 callers, each awaiting its own add before the next',
      measure: 'enqueueLoops',
      params: { jobs: n(40_000), warm: n(4000), loops: 50 },
      figures: ADDS,
    },
    'enqueue-bulk': {
      about: 'bulk calls of 1000',
      measure: 'enqueueBulk',
      params: { jobs: n(100_000), warm: n(5000), chunk },
      figures: ADDS,
    },
    ...Object.fromEntries([1, 10, 100].map((concurrency) => [`drain-${concurrency}`, drain(concurrency)])),
    memory: {
      about: 'Redis memory of a waiting job, and of a completed one kept with a 60-byte result',
      measure: 'memory',
      params: { jobs: n(20_000), concurrency: 50, chunk },
      figures: [less('waitingBytes', 'B'), { ...less('completedBytes', 'B'), notFor: KEEP_NOTHING }],
    },
    retry: {
      about: '10,000 jobs that fail once, no backoff, concurrency 10',
      measure: 'retry',
      params: { jobs: n(10_000), concurrency: 10, chunk },
      figures: [more('jobsPerSec', 'jobs/s'), less('redisUsPerJob', 'µs'), less('nodeUsPerJob', 'µs')],
    },
    unique: {
      about: '50 callers that await their adds, on 100 unique keys (bullmq: deduplication)',
      measure: 'uniqueAdds',
      params: { jobs: n(40_000), warm: n(4000), loops: 50, keys: 100 },
      figures: [...ADDS, less('stored', 'jobs')],
      extra: true,
    },
    'unique-bulk': {
      about: 'bulk calls of 1000 on 100 unique keys (bullmq: deduplication)',
      measure: 'uniqueBulk',
      params: { jobs: n(100_000), warm: n(5000), chunk, keys: 100 },
      figures: [...ADDS, less('stored', 'jobs')],
      extra: true,
    },
    groups: {
      about: 'drain-100 with jobs of no group, and of 10, 10,000 and 100,000 groups',
      measure: 'groups',
      params: { jobs: n(100_000), warm: n(5000), concurrency: 100, chunk, groups: [10, 10_000, 100_000] },
      figures: [
        more('againstNone', '×'),
        less('growth', '×'),
        ...['none', 'of10', 'of10000', 'of100000'].flatMap((size) => [
          more(`${size}.jobsPerSec`, 'jobs/s'),
          less(`${size}.redisUsPerJob`, 'µs'),
          less(`${size}.slowestScriptMs`, 'ms'),
        ]),
        less('of100000.idleGroupBytes', 'B'),
      ],
      limitMs: LONG_MS,
      extra: true,
    },
    'growth-waiting': growth('waiting', [n(21_000), n(MILLION)]),
    'growth-delayed': growth('delayed', [n(1000), n(20_000), n(MILLION)]),
    split: {
      about: 'two workers (concurrency 10), 200 jobs of 50 ms: time over the perfect split',
      measure: 'split',
      params: { workers: 2, concurrency: 10, jobs: 200, jobMs: 50, quickJobs: 2000 },
      figures: [less('coldOverPerfect', '×'), less('warmOverPerfect', '×'), less('coldMs', 'ms'), less('warmMs', 'ms')],
    },
    'rss-growth': {
      about: 'resident memory of a worker after 1,000,000 jobs against after 100,000, concurrency 100',
      measure: 'memoryGrowth',
      params: { first: n(100_000), last: n(MILLION), portion: n(50_000), concurrency: 100, chunk },
      figures: [less('growth', '×'), less('firstMb', 'MB'), less('lastMb', 'MB'), less('heapGrowth', '×')],
      limitMs: LONG_MS,
      extra: true,
    },
    queues: {
      about: `${queues} queues in one worker process, concurrency 10 each, against one queue`,
      measure: 'queues',
      params: { jobs: n(50_000), warm: n(5000), queues, concurrency: 10, chunk },
      figures: [
        more('jobsPerSec', 'jobs/s'),
        more('againstOneQueue', '×'),
        less('connections', ''),
        less('redisUsPerJob', 'µs'),
        less('nodeUsPerJob', 'µs'),
      ],
    },
    workers: {
      about: `${workers} worker processes, concurrency 10 each, while one producer adds in bulk`,
      measure: 'workers',
      params: { jobs: n(50_000), workers, concurrency: 10, chunk },
      figures: [more('jobsPerSec', 'jobs/s'), less('redisUsPerJob', 'µs'), more('leastShare', '×')],
    },
    profile: {
      about: 'where the time of a job goes, in Redis by command and in Node by folder',
      measure: 'profile',
      params: { jobs: n(100_000), warm: n(10_000), concurrency: 100, chunk },
      figures: [less('redisUs.total', 'µs'), less('nodeUs.total', 'µs')],
      extra: true,
    },
  };
  for (const [name, scenario] of Object.entries(scenarios)) {
    scenario.name = name;
    scenario.kind = KINDS[scenario.measure];
  }
  return scenarios;

  function drain(concurrency) {
    const jobs = concurrency === 1 ? 20_000 : 50_000;
    return {
      about: `preloaded queue, a worker that does nothing, concurrency ${concurrency}`,
      measure: 'drain',
      params: { jobs: n(jobs), warm: n(jobs / 10), concurrency, chunk },
      figures: ADDS,
    };
  }

  function steady(perSecond) {
    return {
      about: `${perSecond} jobs/s in an open loop, a handler that waits 5 ms, concurrency 20: what a job costs, and how late it starts`,
      measure: 'steady',
      params: { jobs: n(perSecond * 8), warm: n(perSecond * 4), perSecond, jobMs: 5, concurrency: 20 },
      figures: [
        less('nodeUsPerJob', 'µs'),
        less('redisUsPerJob', 'µs'),
        less('commandsPerJob', ''),
        less('producerUsPerJob', 'µs'),
        less('workerUsPerJob', 'µs'),
        ...LATENCY,
      ],
    };
  }

  /** Costs at the last size are compared with those at the one before. */
  function growth(kind, sizes) {
    return {
      about: `cost of an add and of a reserve behind a backlog of ${kind} jobs`,
      measure: 'growth',
      params: { kind, sizes, compare: sizes.slice(-2), fetch: Math.max(2000, n(20_000)), chunk },
      figures: [
        less('addGrowth', '×'),
        less('fetchGrowth', '×'),
        ...sizes.flatMap((size) => [
          less(`add@${size}.redisUsPerJob`, 'µs'),
          less(`fetch@${size}.redisUsPerJob`, 'µs'),
          more(`fetch@${size}.jobsPerSec`, 'jobs/s'),
        ]),
      ],
      limitMs: LONG_MS,
      extra: true,
    };
  }
}

const KINDS = {
  enqueueOne: 'enqueue',
  enqueueInFlight: 'enqueue',
  enqueueLoops: 'enqueue',
  enqueueBulk: 'enqueue',
  uniqueAdds: 'unique',
  uniqueBulk: 'unique',
  groups: 'groups',
  drain: 'drain',
  latency: 'latency',
  steady: 'latency',
  sleepers: 'latency',
  mixed: 'drain',
  memory: 'memory',
  idle: 'idle',
  delayed: 'delayed',
  retry: 'retry',
  growth: 'growth',
  split: 'split',
  residentMemory: 'rss',
  memoryGrowth: 'rss-growth',
  queues: 'drain',
  workers: 'drain',
  profile: 'drain',
};
