import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import type { LoggerService, ModuleMetadata } from '@nestjs/common';
import type { INestApplicationContext, INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TaskQueueModule, type TaskQueueModuleOptions } from 'nestjs-task-queue';

/** Every line that Nest and this package log, as `level context | message`. */
export class LogBook implements LoggerService {
  readonly lines: string[] = [];
  /** Apart from what an operator sees. */
  readonly debugLines: string[] = [];
  log = (message: unknown, ...rest: unknown[]): void => this.write('log', message, rest);
  warn = (message: unknown, ...rest: unknown[]): void => this.write('warn', message, rest);
  error = (message: unknown, ...rest: unknown[]): void => this.write('error', message, rest);
  debug = (message: unknown, ...rest: unknown[]): void => void this.debugLines.push(lineOf('debug', message, rest));
  verbose = (): void => {};

  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  private write(level: string, message: unknown, rest: unknown[]): void {
    this.lines.push(lineOf(level, message, rest));
  }
}

function lineOf(level: string, message: unknown, rest: readonly unknown[]): string {
  return `${level} ${[...rest, message].join(' | ')}`;
}

/** A store to run an e2e suite on. */
export interface Store {
  name: string;
  /** Options of one app; apps with options of one call share their jobs. */
  options(): TaskQueueModuleOptions;
}

const unique = (): string => `e2e${randomBytes(6).toString('hex')}`;

/** memory, and Redis where TEST_REDIS_URL names one. Each call of `options()` is a store of its own. */
export const STORES: readonly Store[] = [
  { name: 'memory', options: () => ({ connection: `memory://${unique()}` }) },
  ...(process.env.TEST_REDIS_URL
    ? [{ name: 'redis', options: () => ({ connection: process.env.TEST_REDIS_URL, prefix: unique() }) }]
    : []),
];

export interface RunningApp {
  app: INestApplication;
  logs: LogBook;
}

const running = new Set<INestApplicationContext>();

/** A started Nest app of these providers; {@link closeApps} ends it. */
export async function startApp(
  metadata: ModuleMetadata,
  options: TaskQueueModuleOptions = { connection: 'memory://' },
  prepare: (app: INestApplication) => void = () => {},
): Promise<RunningApp> {
  return startModule(
    { ...metadata, imports: [TaskQueueModule.forRoot(options), ...(metadata.imports ?? [])] },
    prepare,
  );
}

export async function startModule(
  metadata: ModuleMetadata,
  prepare: (app: INestApplication) => void = () => {},
): Promise<RunningApp> {
  const logs = new LogBook();
  const moduleRef = await Test.createTestingModule(metadata).setLogger(logs).compile();
  const app = trackApp(moduleRef.createNestApplication({ logger: logs }));
  prepare(app);
  await app.init();
  return { app, logs };
}

/** Has {@link closeApps} end an app that a test made itself. */
export function trackApp(app: INestApplication): INestApplication {
  running.add(app);
  const close = app.close.bind(app);
  // Nest 11 runs every hook again at a second close: what a test closes, closeApps leaves alone.
  app.close = (...args) => {
    running.delete(app);
    return close(...args);
  };
  return app;
}

/** For `afterEach`: a worker that outlives its test would work on the next one's jobs. */
export async function closeApps(): Promise<void> {
  const apps = [...running];
  running.clear();
  await Promise.all(apps.map((app) => app.close()));
}

/** The error that keeps an app from starting. */
export async function bootError(metadata: ModuleMetadata, options?: TaskQueueModuleOptions): Promise<Error> {
  try {
    await startApp(metadata, options);
  } catch (error) {
    return error as Error;
  }
  throw new Error('The app started');
}

/** A promise and the functions that settle it. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open };
}
