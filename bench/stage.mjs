import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, nowUs, perJob, readCounters } from './gauges.mjs';
import { WorkerProcess } from './worker-process.mjs';

const QUEUE = 'bench';

/** What one measurement of one system works with: an empty Redis, and ways to open both sides of the system. */
export class Stage {
  /**
   * @param admin a connection past the proxy, for counters
   * @param site { host, port }, as the system is told
   */
  constructor({ system, systemName, variant, params, admin, site, payload }) {
    Object.assign(this, { system, systemName, variant, params, admin, site, payload });
  }

  openProducer(extra) {
    return this.system.openProducer({ ...this.site, variant: this.variant, queues: [QUEUE], ...extra });
  }

  workerProcess(plan) {
    return new WorkerProcess({ system: this.systemName, ...this.site, queues: [QUEUE], behaviour: 'nothing', ...plan });
  }

  counters() {
    return readCounters(this.admin);
  }

  /** Adds jobs in bulk, with numbers that start at `from`. */
  async preload(producer, jobs, { from = 0, extra, queue, more } = {}) {
    const chunk = this.params.chunk ?? 1000;
    for (let first = from; first < from + jobs; first += chunk) {
      const length = Math.min(chunk, from + jobs - first);
      const payloads = Array.from({ length }, (_, index) => this.payload(first + index, more));
      await producer.addMany(payloads, extra, queue);
    }
  }

  /** Adds jobs one by one, so many of them before the first is awaited. */
  async addInFlight(producer, jobs, inflight, payload = this.payload) {
    for (let first = 0; first < jobs; first += inflight) {
      const length = Math.min(inflight, jobs - first);
      await Promise.all(Array.from({ length }, (_, index) => producer.add(payload(first + index))));
    }
  }

  /** The moment at which the system itself says that nothing is left. */
  async finished(producer, everyMs = 1) {
    while ((await producer.pending()) > 0) await sleep(everyMs);
    return nowUs();
  }

  /** Runs something that handles `jobs` jobs in this process, with the CPU time of it and of Redis. */
  async timed(jobs, run) {
    globalThis.gc?.();
    const before = await this.counters();
    const cpu = process.cpuUsage();
    const from = nowUs();
    await run();
    const seconds = (nowUs() - from) / 1e6;
    const node = cpuSeconds(cpu);
    return perJob(jobs, seconds, before, await this.counters(), node);
  }

  /** Drains queues that hold `warm + jobs` jobs with one worker process; the first `warm` of them do not count. */
  async drain(producer, { jobs, warm, ...plan }) {
    const total = jobs + warm;
    const worker = this.workerProcess({ ...plan, milestones: [warm, total] });
    await worker.ready;
    await sleep(50);
    const warmed = worker.reached(warm).then(async (start) => ({ start, before: await this.counters() }));
    const done = worker.reached(total);
    await worker.start();
    const { start, before } = await warmed;
    const end = await done;
    const until = await this.finished(producer);
    const after = await this.counters();
    await worker.close();
    return perJob(jobs, (until - start.at) / 1e6, before, after, end.cpu - start.cpu);
  }
}
