// @ts-check
// Three worker processes, 20,000 jobs of 20–50 ms, `kill -9` of one of them in the middle: what is lost, what ran twice?
//   npm run build && npm run faults:kill
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { QueueService, TaskQueueModule } from '../../dist/index.js';
import { startRedisServer } from '../support/redis-process.mjs';

const JOBS = Number(process.env.JOBS ?? 20_000);
const WORKERS = 3;
const CONCURRENCY = 10;
const QUEUE = 'kill';
/** Lease, scan and start: what a crash may cost before its jobs run again. */
const RECOVERY_MS = 10_000;

const redis = await startRedisServer();
const folder = mkdtempSync(join(tmpdir(), 'task-queue-kill-'));
/** @type {import('node:child_process').ChildProcess[]} */
const children = [];
let failed = true;
try {
  class AppModule {}
  // Everything is kept, so that it can be counted.
  const queues = { [QUEUE]: { retention: { completed: { count: JOBS * 2, bytes: 1e9 } } } };
  Module({ imports: [TaskQueueModule.forRoot({ connection: redis.url, role: 'producer', queues })] })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const service = app.get(QueueService);

  for (let index = 0; index < JOBS; index += 1000) {
    const items = Array.from({ length: Math.min(1000, JOBS - index) }, (_, k) => ({
      payload: { index: index + k, ms: 20 + Math.floor(Math.random() * 31) },
    }));
    await service.enqueueMany(QUEUE, items);
  }

  const histories = Array.from({ length: WORKERS }, (_, n) => join(folder, `worker-${n}.jsonl`));
  for (const history of histories) {
    writeFileSync(history, '');
    const config = { url: redis.url, history, queue: QUEUE, concurrency: CONCURRENCY, queues };
    const child = fork(new URL('./worker-process.mjs', import.meta.url), [JSON.stringify(config)]);
    children.push(child);
    await new Promise((resolve) => child.once('message', resolve));
  }

  // In the middle of the work, and with jobs in flight on the victim.
  for (;;) {
    const { ready } = await service.counts(QUEUE);
    if (ready < JOBS / 2) break;
    await pause(50);
  }
  children[0].kill('SIGKILL');
  const killedAt = Date.now();
  await new Promise((resolve) => children[0].once('exit', resolve));
  const interrupted = openRuns(read(histories[0]));
  assert.ok(interrupted.length > 0, 'the victim must have jobs in flight');

  const deadline = Date.now() + 180_000;
  for (;;) {
    const { ready, active, scheduled } = await service.counts(QUEUE);
    if (ready + active + scheduled === 0) break;
    assert.ok(Date.now() < deadline, `not drained in time: ${ready} ready, ${active} active`);
    await pause(100);
  }

  const counts = await service.counts(QUEUE);
  const entries = histories.flatMap(read);
  const starts = entries.filter(({ type }) => type === 'start');
  const ended = new Set(entries.filter(({ type }) => type === 'end').map(({ index }) => index));
  const survivors = histories.slice(1).flatMap(read);
  const restarts = interrupted.map(({ index }) => {
    const again = survivors.find((entry) => entry.type === 'start' && entry.index === index);
    assert.ok(again, `job ${index} was in flight at the kill and never started again`);
    return { delay: again.at - killedAt, attempt: again.attempt };
  });
  const slowest = Math.max(...restarts.map(({ delay }) => delay));
  const extra = starts.length - JOBS;
  console.log(
    `${JOBS} jobs, ${WORKERS} workers: completed ${counts.completed}, dead ${counts.dead}, lost ${JOBS - ended.size}, ` +
      `in flight at the kill ${interrupted.length}, started again within ${slowest} ms, extra runs ${extra}`,
  );
  assert.equal(counts.completed, JOBS, 'every job completes');
  assert.equal(counts.dead, 0, 'none dies');
  assert.equal(ended.size, JOBS, 'every job ran to its end');
  assert.ok(slowest <= RECOVERY_MS, `jobs of the killed worker start again within ${RECOVERY_MS} ms`);
  assert.ok(extra <= interrupted.length + CONCURRENCY, 'only what the killed worker had started runs again');
  assert.ok(
    restarts.every(({ attempt }) => attempt === 1),
    'a crash burns no attempt',
  );
  await app.close();
  failed = false;
} finally {
  for (const child of children) child.kill('SIGKILL');
  await redis.stop();
  if (!failed) rmSync(folder, { recursive: true, force: true });
  else console.error(`histories are kept in ${folder}`);
}
console.log('1 passed, 0 failed');

/** @param {string} file */
function read(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  // The last line of a killed process may be half written.
  return lines.slice(0, -1).map((line) => JSON.parse(line));
}

/** Runs that began and did not end. @param {{ type: string; index: number }[]} entries */
function openRuns(entries) {
  const ends = new Set(entries.filter(({ type }) => type === 'end').map(({ index }) => index));
  return entries.filter(({ type, index }) => type === 'start' && !ends.has(index));
}
