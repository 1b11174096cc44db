// @ts-check
// A worker process of the fault tests: a real Nest application with one decorated handler.
// Every start and end of a run is appended to a history file before it counts as seen.
import 'reflect-metadata';
import { appendFileSync } from 'node:fs';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Processor, TaskQueueModule } from '../../dist/index.js';

const { url, history, queue, concurrency, queues } = JSON.parse(process.argv[2]);

/** @param {object} entry */
function note(entry) {
  appendFileSync(history, JSON.stringify({ ...entry, pid: process.pid, at: Date.now() }) + '\n');
}

class Handlers {
  /** @param {import('../../dist/index.js').Job<{ index: number; ms: number }>} job */
  async run(job) {
    note({ type: 'start', index: job.payload.index, id: job.id, attempt: job.attempt, fence: job.fence });
    await new Promise((resolve) => setTimeout(resolve, job.payload.ms));
    note({ type: 'end', index: job.payload.index, id: job.id, attempt: job.attempt, fence: job.fence });
    return job.payload.index;
  }
}
Injectable()(Handlers);
const method = Object.getOwnPropertyDescriptor(Handlers.prototype, 'run');
Reflect.defineMetadata('design:paramtypes', [Object], Handlers.prototype, 'run');
Processor(queue, { concurrency })(Handlers.prototype, 'run', /** @type {PropertyDescriptor} */ (method));

class AppModule {}
Module({ imports: [TaskQueueModule.forRoot({ connection: url, queues })], providers: [Handlers] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
process.send?.('ready');
