import 'reflect-metadata';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { TaskQueueModule, type TaskQueueModuleOptions } from 'nestjs-task-queue';
import { TaskQueueDashboardModule, type DashboardModuleOptions } from 'nestjs-task-queue/dashboard';
import { LogBook, trackApp } from './apps.js';

export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface DashboardApp {
  app: INestApplication;
  logs: LogBook;
  /** `http://127.0.0.1:port` */
  origin: string;
  /** Address of a path below the dashboard. */
  at(path: string, query?: Record<string, string>): string;
  get(route: string, query?: Record<string, string>, init?: RequestInit): Promise<Answer>;
  act(action: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- each test says what it expects of it
  json: any;
}

export interface DashboardSetup {
  platform?: Platform;
  dashboard?: DashboardModuleOptions;
  taskQueue?: TaskQueueModuleOptions;
  metadata?: ModuleMetadata;
  /** Options of `createNestApplication`. */
  create?: Record<string, unknown>;
  /** Before it listens. */
  prepare?: (app: INestApplication) => void | Promise<void>;
  /** Of the dashboard, with the global prefix. Default `/queues`. */
  mount?: string;
}

/** An app with a dashboard that listens on this machine. `closeApps` ends it. */
export async function startDashboard(setup: DashboardSetup = {}): Promise<DashboardApp> {
  const { platform = 'express', dashboard = {}, taskQueue = { connection: 'memory://' }, metadata = {} } = setup;
  const logs = new LogBook();
  const moduleRef = await Test.createTestingModule({
    ...metadata,
    imports: [
      TaskQueueModule.forRoot(taskQueue),
      TaskQueueDashboardModule.forRoot(dashboard),
      ...(metadata.imports ?? []),
    ],
  })
    .setLogger(logs)
    .compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = trackApp(moduleRef.createNestApplication(adapter, { logger: logs, ...setup.create }));
  await setup.prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const origin = await app.getUrl();
  const mount = setup.mount ?? '/queues';
  const at = (path: string, query: Record<string, string> = {}): string => {
    const text = new URLSearchParams(query).toString();
    return `${origin}${mount}${path === '' ? '' : `/${path}`}${text === '' ? '' : `?${text}`}`;
  };
  return {
    ...{ app, logs, origin, at },
    get: (route, query, init) => ask(at(`api/${route}`, query), init),
    act: (action, body, headers = {}) =>
      ask(at(`api/${action}`), {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', 'x-task-queue-dashboard': '1', ...headers },
      }),
  };
}

export async function ask(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}
