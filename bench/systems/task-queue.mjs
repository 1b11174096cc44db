// This package as its users run it: a Nest application, the module at its built-in defaults, a decorated method.
//   task-queue         the defaults
//   task-queue:p0      prefetch: 0
//   task-queue:forget  keeps no completed job
//   task-queue:events  somebody listens to the queue's events meanwhile
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Processor, QueueService, TaskQueueModule } from '../../dist/index.js';

export const cannot = (variant) =>
  variant === 'p0' ? ['enqueue', 'memory', 'idle', 'rss', 'rss-growth', 'unique', 'groups'] : [];

const UNFINISHED = ['scheduled', 'ready', 'active', 'parked', 'blocked'];
/** More than any scenario makes, for those that ask what a kept job weighs. */
const KEEP_ALL = { retention: { completed: { count: 1_000_000 } } };

export async function openProducer(site) {
  const app = await createApp(site, [], 'producer');
  const service = app.get(QueueService);
  const { queues } = site;
  return {
    add: (payload, extra, queue = queues[0]) => service.enqueue(queue, payload, extra && optionsOf(extra)),
    addMany(payloads, extra, queue = queues[0]) {
      const options = extra && optionsOf(extra);
      return service.enqueueMany(
        queue,
        payloads.map((payload) => ({ payload, ...options, ...ownOptions(payload, extra) })),
      );
    },
    async pending() {
      const counts = await Promise.all(queues.map((queue) => service.counts(queue)));
      return counts.reduce((sum, count) => sum + UNFINISHED.reduce((part, state) => part + count[state], 0), 0);
    },
    close: () => app.close(),
  };
}

export async function openWorker(site) {
  const { variant, queues, concurrency } = site;
  class BenchHandlers {}
  const options = variant === 'p0' ? { concurrency, prefetch: 0 } : { concurrency };
  for (const [index, queue] of queues.entries()) {
    const method = `handle${index}`;
    const descriptor = { value: (job) => site.handle(job.payload), writable: true, configurable: true };
    Object.defineProperty(BenchHandlers.prototype, method, descriptor);
    Processor(queue, options)(BenchHandlers.prototype, method, descriptor);
  }
  Injectable()(BenchHandlers);
  const app = await createApp(site, [BenchHandlers]);
  const listening = variant === 'events' ? queues.map((queue) => app.get(QueueService).events(queue).subscribe()) : [];
  return {
    async close() {
      for (const subscription of listening) subscription.unsubscribe();
      await app.close();
    },
  };
}

async function createApp({ host, port, variant, queues, keepAll, autoPipelining }, providers, role) {
  let perQueue = {};
  if (keepAll) perQueue = KEEP_ALL;
  else if (variant === 'forget') perQueue = { retention: { completed: false } };
  class BenchModule {}
  Module({
    imports: [
      TaskQueueModule.forRoot({
        connection: autoPipelining ? { host, port, enableAutoPipelining: true } : { host, port },
        queues: Object.fromEntries(queues.map((queue) => [queue, perQueue])),
        ...(role && { role }),
      }),
    ],
    providers,
  })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: ['error'], abortOnError: false });
  await app.init();
  return app;
}

/** What differs from job to job. */
function ownOptions({ i }, extra) {
  if (extra?.groups !== undefined) return { group: `g${i % extra.groups}` };
  return extra?.keys === undefined ? undefined : { unique: `key-${i % extra.keys}` };
}

function optionsOf({ dueAt, attempts, unique }) {
  const options = {};
  if (dueAt !== undefined) options.runAt = dueAt;
  if (unique !== undefined) options.unique = unique;
  // The rivals' retry at once unless told otherwise: the same here.
  if (attempts !== undefined) Object.assign(options, { maxAttempts: attempts, backoff: 0 });
  return options;
}
