// Schedules of run time, as an application makes them, and a handler for all of them.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** Time to register all of them, ms. */
export const ROOM_MS = 60_000;

async function open({ dist, queue, connection, role, providers = [] }) {
  const { TaskQueueModule } = await import(`${dist}/index.js`);
  class AppModule {}
  const imports = [TaskQueueModule.forRoot({ connection, role, queues: { [queue]: {} } })];
  Module({ imports, providers })(AppModule);
  return NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
}

export async function openRegistrar({ dist, queue, server }) {
  const app = await open({ dist, queue, connection: server.url, role: 'producer' });
  const { ScheduleService } = await import(`${dist}/index.js`);
  const schedules = app.get(ScheduleService);
  return {
    one: (name, startAt) => schedules.upsert(name, { cron: 'H * * * * *', queue, startAt, payload: { of: name } }),
    close: () => app.close(),
  };
}

export async function openWorker(site, ran) {
  const { Processor } = await import(`${site.dist}/index.js`);
  class Handlers {
    tick(job) {
      ran(job.schedule.name, job.scheduledFor);
    }
  }
  Injectable()(Handlers);
  Reflect.defineMetadata('design:paramtypes', [Object], Handlers.prototype, 'tick');
  const descriptor = Object.getOwnPropertyDescriptor(Handlers.prototype, 'tick');
  Processor(site.queue, { concurrency: 100 })(Handlers.prototype, 'tick', descriptor);
  await open({ ...site, role: 'all', providers: [Handlers] });
}
