import { join } from 'node:path';
import type { Role } from 'nestjs-task-queue';

/** What the environment may change. Injected by this class, so that a test can override it. */
export abstract class Settings {
  /** `REDIS_URL`, else `memory://`. */
  abstract readonly connection: string;
  /** First part of every key in Redis. */
  abstract readonly prefix: string;
  abstract readonly role: Role;
  /** `WORKERS`: processes to start beside this one. */
  abstract readonly workers: number;
  /** `PORT`, default 3000; 0 takes a free one. */
  abstract readonly port: number;
  /** Only folders inside this one are analysed. */
  abstract readonly root: string;
  /** A report takes the first so many files of its folders. */
  abstract readonly maxFiles: number;
  /** Larger files are given up. */
  abstract readonly maxFileBytes: number;
  /** The file that gets a row for each kind of file of each report. */
  abstract readonly ledger: string;
  /** How long running jobs may take to finish when the app closes. */
  abstract readonly grace: string;
}

/** Set for the processes that `WORKERS` starts. */
export const WORKER_PROCESS = 'SAMPLE_WORKER_PROCESS';

export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** @throws SettingsError */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const workers = readNumber(env, 'WORKERS', 0, 32);
  if (workers > 0 && !env.REDIS_URL) {
    throw new SettingsError(
      'WORKERS needs REDIS_URL: other processes cannot see the memory of this one. Try REDIS_URL=redis://localhost:6379',
    );
  }
  return {
    connection: env.REDIS_URL || 'memory://',
    prefix: 'sample',
    role: env[WORKER_PROCESS] ? 'worker' : workers > 0 ? 'producer' : 'all',
    workers: env[WORKER_PROCESS] ? 0 : workers,
    port: readNumber(env, 'PORT', 3000, 65_535),
    root: process.cwd(),
    ledger: join(process.cwd(), 'build', 'ledger.csv'),
    maxFiles: 5000,
    maxFileBytes: 1024 * 1024,
    // A report whose files nobody starts any more would not end: it is given back, and taken up after the restart.
    grace: '3s',
  };
}

function readNumber(env: NodeJS.ProcessEnv, name: string, fallback: number, max: number): number {
  const text = env[name];
  if (!text) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new SettingsError(`${name}="${text}" is not a whole number from 0 to ${max}.`);
}
