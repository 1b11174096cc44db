// A process that runs the worker side of one system. The measurer forks it, tells it when to start, and asks it things.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, nowUs } from './gauges.mjs';
import { CpuProfiler } from './cpu-profiler.mjs';
import { loadSystem } from './systems/catalogue.mjs';

const CLOSE_MS = 3000;

const plan = JSON.parse(process.argv[2]);
const { system, variant } = await loadSystem(plan.system);
const milestones = [...(plan.milestones ?? [])];
const samples = [];
const failed = new Set();
const workers = [];
let count = 0;
const profiler = plan.profile ? new CpuProfiler() : undefined;
let folders;

function tick() {
  count++;
  if (count !== milestones[0]) return;
  milestones.shift();
  process.send({ type: 'milestone', count, at: nowUs(), cpu: cpuSeconds() });
  if (profiler === undefined) return;
  if (milestones.length > 0) profiler.start();
  else folders = profiler.stop();
}

const behaviours = {
  async nothing() {
    tick();
  },
  async result(payload) {
    tick();
    return { i: payload.i, ok: true, text: 'a result of about sixty bytes of JSON' };
  },
  async latency(payload) {
    samples.push(nowUs() - payload.t);
    tick();
  },
  /** A handler as users have them: it waits for something else. */
  async steady(payload) {
    samples.push(nowUs() - payload.t);
    await sleep(plan.jobMs);
    tick();
  },
  async lateness(payload) {
    samples.push(nowUs() - payload.due);
    tick();
  },
  async failOnce(payload) {
    if (failed.has(payload.i)) return tick();
    failed.add(payload.i);
    throw new Error('the first attempt fails');
  },
  /** Samples are the moments at which slow jobs ended. */
  async takeTime(payload) {
    if (payload.ms) {
      await sleep(payload.ms);
      samples.push(nowUs());
    }
    tick();
  },
};

const answers = {
  async start() {
    const { host, port, queues, keepAll, hasDelays, concurrency, inNest, instances = 1 } = plan;
    if (inNest) await openEmptyApplication();
    const handle = behaviours[plan.behaviour];
    for (let opened = 0; opened < instances; opened++) {
      workers.push(await system.openWorker({ host, port, variant, queues, keepAll, hasDelays, concurrency, handle }));
    }
    return { at: nowUs(), cpu: cpuSeconds() };
  },
  state: async () => ({ count, at: nowUs(), cpu: cpuSeconds() }),
  samples: async () => ({ samples: samples.splice(0) }),
  async memory() {
    for (let round = 0; round < 3; round++) {
      globalThis.gc();
      await sleep(50);
    }
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed };
  },
  /** CPU seconds by place between the first milestone and the last. */
  profile: async () => ({ folders }),
  async close() {
    await Promise.race([Promise.allSettled(workers.map((worker) => worker.close())), sleep(CLOSE_MS)]);
    process.exit(0);
  },
};

async function openEmptyApplication() {
  await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  class EmptyModule {}
  await NestFactory.createApplicationContext(EmptyModule, { logger: ['error'] });
}

process.on('message', (question) => {
  answers[question]().then(
    (answer) => process.send({ type: question, ...answer }),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(1));
process.send({ type: 'ready' });
