// A worker process of the fault trials. Each start and end of a run is appended to its history before it counts as seen.
// A job's payload says how its run behaves: { n, ms, act? }.
import { openHistory } from './history.mjs';

const site = JSON.parse(process.argv[2]);
const note = openHistory(site.history);
const system = await import(`./systems/${site.system}.mjs`);
let runs = 0;
const keptAlive = [];

process.on('unhandledRejection', (error) => note('unhandled', { text: String(error).slice(0, 200) }));
process.on('warning', (warning) => note('warning', { text: String(warning).slice(0, 200) }));
process.on('exit', (code) => note('exit', { code }));
process.on('message', ({ clockOffsetMs, bulk }) => {
  if (clockOffsetMs !== undefined) globalThis.setClockOffset(clockOffsetMs);
  if (bulk !== undefined) void startBulk(bulk);
});

async function startBulk(options) {
  const { id } = await opened.queues.bulk(site.queue, options);
  note('bulk', { id });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ACTS = {
  /** Nothing else runs in this process meanwhile. */
  busy(job, { ms }) {
    const until = performance.now() + ms;
    while (performance.now() < until);
  },
  /** The same, and then it looks at its signal, as a handler between two steps does. */
  async busyThenHeed(job, { ms }) {
    ACTS.busy(job, { ms });
    const { signal } = job;
    if (!signal.aborted) {
      await Promise.race([pause(5000), new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    }
    if (signal.aborted) noteAbort(job);
  },
  exit: () => process.exit(1),
  sigkill: () => process.kill(process.pid, 'SIGKILL'),
  memory() {
    for (;;) keptAlive.push(new Array(1e6).fill(Math.random()));
  },
  async stack() {
    const deeper = () => deeper() + 1;
    deeper();
  },
  async failFirst(job, { ms, fails }) {
    await pause(ms);
    if (job.attempt <= fails) throw new Error(`attempt ${job.attempt} fails`);
  },
  throwUndefined: () => Promise.reject(undefined),
  throwNull() {
    throw null;
  },
  throwCyclic() {
    const error = { message: 'cyclic' };
    error.self = error;
    throw error;
  },
  throwGetter() {
    throw Object.defineProperty({}, 'message', {
      get() {
        throw new Error('even the message throws');
      },
    });
  },
  throwHuge() {
    const error = new Error('x'.repeat(10_000_000));
    error.stack = 's'.repeat(10_000_000);
    throw error;
  },
  async lateRejection() {
    setTimeout(() => void Promise.reject(new Error('nobody waits for this')), 5);
  },
  async returnText(job, { ms, length }) {
    await pause(ms);
    return 'x'.repeat(length);
  },
  returnBigInt: () => 1n,
  returnCyclic() {
    const value = {};
    value.self = value;
    return value;
  },
  neverSettles: () => new Promise(() => {}),
  /** Ends as soon as its signal says so. */
  heedSignal: ({ signal }, { ms }) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};

const noteAbort = ({ id, payload, signal }) => note('abort', { n: payload?.n, id, reason: signal.reason?.reason });

async function run(job) {
  const number = ++runs;
  const { payload } = job;
  const n = payload?.n ?? (job.schedule && `${job.schedule.name}@${job.scheduledFor}`);
  const tick = job.schedule && { schedule: job.schedule.name, tick: job.scheduledFor, missed: job.schedule.missed };
  note('start', { run: number, n, id: job.id, attempt: job.attempt, fence: job.fence, ...tick });
  if (!payload?.act?.startsWith('busy')) job.signal?.addEventListener('abort', () => noteAbort(job));
  try {
    const act = site.calm ? undefined : ACTS[payload?.act];
    const value = act ? await act(job, payload) : await pause(site.calm ? 0 : (payload?.ms ?? 0));
    note('end', { run: number, n, id: job.id, ok: true, fence: job.fence });
    if (site.echoes && payload && 'what' in payload) {
      return { seen: JSON.stringify(payload.value), polluted: {}.polluted !== undefined };
    }
    // The stored result tells which of several runs was let settle.
    return value ?? { fence: job.fence };
  } catch (error) {
    note('end', { run: number, n, id: job.id, ok: false, fence: job.fence });
    throw error;
  }
}

note('boot', { clock: Date.now() });
const opened = await system.openWorker(site, run);
note('ready');
process.send?.('ready');
