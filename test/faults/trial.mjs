// What one trial is made of: servers, proxies, worker processes and producers of its own, their histories, and the
// evidence at the end. Everything it started is gone after close().
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedisServer } from '../support/redis-process.mjs';
import { startTcpProxy } from '../support/tcp-proxy.mjs';
import { mostOfGroups } from './groups.mjs';
import { figuresOf, instant, openHistory, readHistory, runsOf } from './history.mjs';
import { randomFrom } from './random.mjs';
import { FLOW_LIMITS, flowGroupOf } from './systems/task-queue.mjs';

const WORKER = new URL('./worker-process.mjs', import.meta.url);
const CLOCK = new URL('./clock-preload.mjs', import.meta.url).href;

export class Trial {
  #closers = [];
  #histories = [];
  #auditor;
  #others = [];
  #faultEndedAt;
  #nextN = 0;
  /** Its time is up, or it has ended: nothing more is started, and what its run still starts is closed at once. */
  isOver = false;
  failures = [];
  /** n → what became of its enqueue. */
  calls = new Map();
  /** n of a job that may fail → how many lives it was given. */
  retried = new Map();
  /** n → what was enqueued one by one. */
  payloads = new Map();
  /** n → when its enqueue was acknowledged. */
  ackedAt = new Map();
  /** Each enqueue that was made one by one and failed: `{ n, calledAt, at, text }`; its n may be tried again. */
  rejections = [];
  /** n → how long its longest call took. */
  callMs = new Map();

  constructor({ systemName, system, dist, seed, full, fault }) {
    Object.assign(this, { systemName, system, dist, full });
    this.ours = systemName === 'task-queue';
    this.random = randomFrom(`${seed} ${fault}`);
    this.queue = `f${fault.slice(1)}`;
    this.folder = mkdtempSync(join(tmpdir(), `task-queue-fault-${fault}-`));
    /** Short leases keep the short profile short; the full one proves the defaults. */
    this.leaseMs = this.ours ? (full ? 8000 : 2000) : 3000;
    /** For what is measured "at defaults", whatever the profile: undefined leaves ours alone, bullmq's is 30 s. */
    this.builtInLeaseMs = this.ours ? undefined : 30_000;
    /** The full profile proves the figures; the short one also runs where two cores are shared with others. */
    this.patience = full ? 1 : 3;
    this.note = this.history('runner');
  }

  // ------------------------------------------------------------------ actors

  async redis(options) {
    const server = await startRedisServer(options);
    this.onClose(() => server.stop());
    this.server ??= server;
    return server;
  }

  async proxy(port = this.server.port) {
    const proxy = await startTcpProxy(port);
    this.onClose(() => proxy.stop());
    return { ...proxy, url: `redis://127.0.0.1:${proxy.port}` };
  }

  /** A connection past everything under test. */
  admin(server = this.server) {
    const client = new Redis(server.url, { maxRetriesPerRequest: null });
    client.on('error', () => {});
    this.onClose(() => client.disconnect());
    return client;
  }

  onClose(close) {
    if (this.isOver) void close();
    else this.#closers.push(close);
  }

  site(given = {}) {
    const connection = given.connection ?? this.server.url;
    const { systemName, dist, queue, leaseMs } = this;
    return { system: systemName, dist, queue, leaseMs, concurrency: 8, ...given, connection };
  }

  async producer(given) {
    const producer = await this.system.openProducer(this.site(given));
    this.onClose(() => settlesWithin(producer.close(), 3000));
    return producer;
  }

  async workers(count, given) {
    return Promise.all(Array.from({ length: count }, () => this.worker(given)));
  }

  /** Starts a worker process; resolves when it works, unless `given.wait` is false. */
  async worker({ env, clockOffsetMs, execArgv = [], preload = [], wait = true, ...given } = {}) {
    if (this.isOver) throw new Error('The trial is over: it starts no more workers');
    const history = join(this.folder, `worker-${this.#histories.length}.jsonl`);
    this.#histories.push(history);
    const moved = clockOffsetMs !== undefined;
    const child = fork(WORKER, [JSON.stringify({ ...this.site(given), history })], {
      execArgv: [...execArgv, ...[...(moved ? [CLOCK] : []), ...preload].flatMap((url) => ['--import', url])],
      env: { ...process.env, ...env, ...(moved && { CLOCK_OFFSET_MS: String(clockOffsetMs) }) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const worker = {
      child,
      pid: child.pid,
      output: '',
      entries: () => readHistory(history),
      kill: (signal = 'SIGKILL') => child.kill(signal),
      exited: new Promise((resolve) => {
        child.once('exit', (code, signal) => {
          const at = instant();
          this.note('death', { of: child.pid, code, signal });
          resolve({ code, signal, at });
        });
      }),
    };
    const keep = (chunk) => {
      worker.output = (worker.output + chunk).slice(-20_000);
      if (process.env.FAULTS_LOG) process.stderr.write(`[${child.pid}] ${chunk}`);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.onClose(() => {
      child.kill('SIGKILL');
      return worker.exited;
    });
    if (wait) {
      const ready = new Promise((resolve) => child.once('message', () => resolve(true)));
      const first = await Promise.race([ready, worker.exited]);
      if (first !== true) throw new Error(`A worker process ended at its start:\n${worker.output}`);
    }
    return worker;
  }

  // ------------------------------------------------------------------ load

  /** Stores `count` jobs in bulk; `options` are those of all, or a function of a payload (ours alone). @returns their n */
  async fill(producer, count, payloadOf = () => ({ ms: this.someMs() }), options) {
    const numbers = [];
    for (let done = 0; done < count; done += 1000) {
      const chunk = Array.from({ length: Math.min(1000, count - done) }, () => this.#nextN++);
      await producer.addMany(
        chunk.map((n) => ({ n, ...payloadOf(n) })),
        options,
      );
      for (const n of chunk) this.calls.set(n, 'stored');
      numbers.push(...chunk);
    }
    return numbers;
  }

  /** One enqueue, and what became of it: a call whose outcome is open is repeated as the package says. */
  async add(producer, payload = { ms: this.someMs() }, options) {
    const n = this.#nextN++;
    this.payloads.set(n, payload);
    this.calls.set(n, 'open');
    let call = () => producer.add({ n, ...payload }, options);
    for (let tries = 0; ; tries++) {
      const calledAt = instant();
      try {
        await call();
        this.calls.set(n, 'stored');
        this.ackedAt.set(n, instant());
        this.#settled(n, calledAt);
        return n;
      } catch (error) {
        this.#settled(n, calledAt);
        this.rejections.push({ n, calledAt, at: instant(), text: String(error) });
        const { outcome, retry } = producer.verdictOn(error);
        this.lastError = error;
        this.calls.set(n, outcome);
        if (outcome !== 'unknown' || retry === undefined || tries >= 20) return n;
        this.calls.set(n, 'open');
        call = retry;
      }
    }
  }

  #settled(n, calledAt) {
    this.callMs.set(n, Math.max(this.callMs.get(n) ?? 0, instant() - calledAt));
  }

  /** Of the enqueues made one by one. */
  get longestCallMs() {
    return this.longestCallOf(() => true);
  }

  longestCallOf(isWanted) {
    let longest = 0;
    for (const [n, ms] of this.callMs) if (isWanted(n)) longest = Math.max(longest, ms);
    return Math.round(longest);
  }

  /** Enqueues at a steady rate until stopped; `stop` resolves when every call has settled, or after `patienceMs`. */
  load(producer, { perSecond = 400, payloadOf, options } = {}) {
    const open = new Set();
    const startedAt = instant();
    let made = 0;
    const timer = setInterval(() => {
      for (const due = ((instant() - startedAt) / 1000) * perSecond; made < due; made++) {
        const call = this.add(producer, payloadOf?.(), options?.()).finally(() => open.delete(call));
        open.add(call);
      }
    }, 20);
    return {
      made: () => made,
      open: () => open.size,
      stop: async (patienceMs = 30_000) => {
        clearInterval(timer);
        await settlesWithin(Promise.allSettled(open), patienceMs);
      },
    };
  }

  nextNumber() {
    return this.#nextN++;
  }

  someMs(from = 5, to = 50) {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  // ------------------------------------------------------------------ time

  pause(ms) {
    return pause(ms);
  }

  /** Again and again until the returned function is called, or the trial has ended. */
  every(ms, work) {
    const timer = setInterval(() => void work().catch(() => {}), ms);
    this.onClose(() => clearInterval(timer));
    return () => clearInterval(timer);
  }

  async until(what, test, limitMs = 30_000) {
    const deadline = instant() + limitMs;
    for (;;) {
      const value = await test();
      if (value) return value;
      if (instant() > deadline) throw new Error(`Not within ${limitMs} ms: ${what}`);
      await pause(50);
    }
  }

  /** Recovery is counted from here to the next run that begins and ends well. */
  faultEnded() {
    this.#faultEndedAt = instant();
    this.note('fault-ended');
    return this.#faultEndedAt;
  }

  /** Not within the limit: the trial has failed, and its figures say how. */
  async drained(limitMs = 60_000) {
    const auditors = [await this.auditor(), ...this.#others];
    const isEmpty = async () => {
      for (const auditor of auditors) if ((await auditor.pending().catch(() => 1)) > 0) return false;
      return true;
    };
    await this.until('everything has ended', isEmpty, limitMs).catch((error) => this.check(false, error.message));
  }

  // ------------------------------------------------------------------ evidence

  history(name) {
    const file = join(this.folder, `${name}.jsonl`);
    this.#histories.push(file);
    return openHistory(file);
  }

  entries() {
    return this.#histories.flatMap(readHistory);
  }

  /** @param given once servers have changed places: a new one */
  async auditor(given) {
    if (given !== undefined) await this.#auditor?.close();
    if (given !== undefined || this.#auditor === undefined)
      this.#auditor = await this.system.openAuditor(this.site(given));
    return this.#auditor;
  }

  /** Another queue of this trial counts, too. */
  async alsoAudit(queue, given) {
    const auditor = await this.system.openAuditor(this.site({ ...given, queue }));
    this.#others.push(auditor);
    return auditor;
  }

  async #audit() {
    const audits = [];
    for (const auditor of [await this.auditor(), ...this.#others]) audits.push(await auditor.audit());
    return {
      jobs: audits.flatMap(({ jobs }) => jobs),
      violations: audits.flatMap(({ violations }) => violations),
    };
  }

  async figures() {
    const { jobs, violations } = await this.#audit();
    const entries = this.entries();
    const figures = figuresOf({ calls: this.calls, entries, jobs, violations, retried: this.retried });
    if (this.#faultEndedAt !== undefined) {
      const next = entries.filter(({ type, ok, at }) => type === 'end' && ok && at > this.#faultEndedAt);
      figures.recoveryMs = Math.round(Math.min(...next.map(({ at }) => at)) - this.#faultEndedAt);
    }
    figures.unhandled = entries.filter(({ type }) => type === 'unhandled').length;
    return Object.assign(figures, { jobs });
  }

  /** How many of these jobs ran more than once. */
  ranTwice(numbers) {
    const runs = new Map();
    for (const { type, n } of this.entries()) if (type === 'start') runs.set(n, (runs.get(n) ?? 0) + 1);
    return numbers.filter((n) => runs.get(n) > 1).length;
  }

  check(ok, text) {
    if (!ok) this.failures.push(text);
  }

  /** The bounds that hold in every trial, and those that the trial gives. */
  judge(figures, { extraRuns = 0, overlaps = 0, dead = 0, unknown = 0, recoveryMs, unhandled = 0 } = {}) {
    const most = {
      lost: 0,
      unfinished: 0,
      phantom: 0,
      duplicates: 0,
      completedTwice: 0,
      staleSettlements: 0,
      unsettled: 0,
    };
    Object.assign(most, { extraRuns, overlaps, dead, unknown, unhandled });
    if (recoveryMs !== undefined) most.recoveryMs = recoveryMs * this.patience;
    for (const [name, limit] of Object.entries(most)) {
      this.check(figures[name] <= limit, `${name} is ${figures[name]}, at most ${limit} allowed`);
    }
    if (process.env.FAULTS_FLOW === '1' && this.ours && overlaps === 0) {
      const runs = runsOf(this.entries()).filter(({ n }) => Number.isInteger(n));
      const { over } = mostOfGroups(
        runs,
        ({ n }) => flowGroupOf(n),
        () => FLOW_LIMITS.groups.concurrency,
      );
      this.check(over === 0, `${over} started beyond the limit of their group`);
    }
    for (const violation of figures.violations) this.check(false, `store: ${violation}`);
  }

  async close() {
    this.isOver = true;
    for (const auditor of [this.#auditor, ...this.#others]) await auditor?.close();
    for (const close of this.#closers.reverse()) await close();
    if (this.failures.length === 0) rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function settlesWithin(promise, ms) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
