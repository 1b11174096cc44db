// nestjs-task-queue as its users have it: a Nest application with a decorated handler, or with the QueueService.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
export { openAuditor } from './task-queue-audit.mjs';

/** Any key of a queue in a cluster. */
export const clusterKeyOf = (queue) => `{tq:${queue}}:meta`;

/** Of a run with --flow: limits of each queue, and the group of each job whose trial does not say one. */
const isFlow = () => process.env.FAULTS_FLOW === '1';
export const FLOW_LIMITS = { concurrency: 40, groups: { concurrency: 5 } };
export const flowGroupOf = (n) => `tenant-${Number(n) % 7}`;

function flowOf({ n }) {
  return isFlow() && Number.isInteger(n) ? { group: flowGroupOf(n) } : undefined;
}

const QUIET = { logger: process.env.FAULTS_LOG ? ['log', 'warn', 'error'] : false, abortOnError: false };

/** Everything is kept, so that it can be counted. */
function queuesOf({ queue, queueOptions, leaseMs }) {
  const everything = { count: 10_000_000, bytes: 4e9 };
  const retention = { completed: everything, cancelled: everything, dead: everything };
  return {
    [queue]: {
      retention,
      ...(leaseMs !== undefined && { lease: leaseMs }),
      ...(isFlow() && { limits: FLOW_LIMITS }),
      ...queueOptions,
    },
  };
}

function moduleOptions(site, role) {
  return {
    connection: site.connection,
    role,
    queues: queuesOf(site),
    ...(site.graceMs !== undefined && { shutdown: { grace: site.graceMs } }),
    ...(site.commandTimeoutMs !== undefined && { commandTimeout: site.commandTimeoutMs }),
    ...site.moduleOptions,
  };
}

export async function openProducer(site) {
  const { QueueService, TaskQueueModule } = await import(`${site.dist}/index.js`);
  class AppModule {}
  Module({ imports: [TaskQueueModule.forRoot(moduleOptions(site, 'producer'))] })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, QUIET);
  const queues = app.get(QueueService);
  return {
    queues,
    add: async (payload, options) =>
      (await queues.enqueue(site.queue, payload, { ...flowOf(payload ?? {}), ...options })).id,
    addMany: (payloads, options) =>
      queues.enqueueMany(
        site.queue,
        payloads.map((payload) => ({
          payload,
          ...flowOf(payload),
          ...(typeof options === 'function' ? options(payload) : options),
        })),
      ),
    /** What the package tells its users to do with each error of an enqueue. */
    verdictOn: ({ code, retry }) => ({
      outcome: /OUTCOME_UNKNOWN|DURABILITY_UNCONFIRMED/.test(code) ? 'unknown' : 'refused',
      retry,
    }),
    close: () => app.close(),
  };
}

/** @param {(job: object) => unknown} run the handler: { id, payload, attempt, fence, signal } */
export async function openWorker(site, run) {
  const { Cron, Processor, QueueService, TaskQueueModule } = await import(`${site.dist}/index.js`);
  class Handlers {
    run(job) {
      return run(job);
    }
  }
  Injectable()(Handlers);
  const decorate = (decorator, name) => {
    Reflect.defineMetadata('design:paramtypes', [Object], Handlers.prototype, name);
    decorator(Handlers.prototype, name, Object.getOwnPropertyDescriptor(Handlers.prototype, name));
  };
  const { concurrency, prefetch } = site;
  decorate(Processor(site.queue, { concurrency, ...(prefetch !== undefined && { prefetch }) }), 'run');
  for (const [name, { expression, ...options }] of Object.entries(site.schedules ?? {})) {
    const method = `tick_${name}`;
    Handlers.prototype[method] = (job) => run(job);
    decorate(Cron(expression, { name, queue: site.queue, ...options }), method);
  }
  for (let index = 0; index < (site.moreQueues ?? 0); index++) {
    const method = `run_${index}`;
    Handlers.prototype[method] = (job) => run(job);
    decorate(Processor(`${site.queue}-${index}`, { concurrency: 1 }), method);
  }
  class AppModule {}
  const imports = [TaskQueueModule.forRoot(moduleOptions(site, 'all'))];
  Module({ imports, providers: [Handlers] })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: ['error', 'warn', ...(process.env.FAULTS_LOG ? ['log'] : [])],
  });
  app.enableShutdownHooks();
  return { queues: app.get(QueueService), close: () => app.close() };
}
