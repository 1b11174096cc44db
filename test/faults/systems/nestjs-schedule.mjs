// @nestjs/schedule out of bench/node_modules, for the bars of schedules: every instance fires for itself, and no store knows
// of it. A run is told the second it belongs to by the clock of its process.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const require = createRequire(new URL('../../../bench/package.json', import.meta.url));

export async function openWorker(site, run) {
  const { Cron, ScheduleModule } = await import(pathToFileURL(require.resolve('@nestjs/schedule')).href);
  class Handlers {}
  Injectable()(Handlers);
  for (const [name, { expression, payload }] of Object.entries(site.schedules ?? {})) {
    const method = `tick_${name}`;
    Handlers.prototype[method] = () => {
      const scheduledFor = Math.round(Date.now() / 1000) * 1000;
      const id = `${name}@${scheduledFor}@${process.pid}`;
      return run({ id, payload, attempt: 1, fence: 0, schedule: { name, missed: 0 }, scheduledFor });
    };
    const descriptor = Object.getOwnPropertyDescriptor(Handlers.prototype, method);
    Cron(expression, { name, timeZone: 'UTC' })(Handlers.prototype, method, descriptor);
  }
  class AppModule {}
  Module({ imports: [ScheduleModule.forRoot()], providers: [Handlers] })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  return { close: () => app.close() };
}

/** There is nothing to look into. */
export async function openAuditor() {
  return { audit: async () => ({ jobs: [], violations: [] }), close() {} };
}
