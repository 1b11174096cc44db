import type { RedisConnection } from './wire/connector.js';
import type { OutageEvent } from './wire/outage-report.js';
import type { ScriptLibrary } from './wire/script-library.js';

export interface RedisStoreOptions {
  connection: RedisConnection;
  prefix: string;
  commandTimeoutMs: number;
  connectTimeoutMs: number;
  /** Go on trying after `connectTimeoutMs` instead of failing. */
  waitForRedis: boolean;
  allowEviction: boolean;
  maxCrashes: number;
  logLines: number;
  /** Handlers run in this process: the thread of its heartbeat boots while the store is opened. */
  works?: boolean;
  /** An app boots: until `bootEnded` its connections keep no process alive. */
  boots?: boolean;
  /**
   * An outage began or ended: the connection for commands went, the server refuses calls, or the store can not be reached yet;
   * `deaf`: it refuses to be subscribed to any more; `replica`: the subscriber's connection was led to one.
   */
  onConnection?: (event: OutageEvent | 'deaf' | 'replica', reason: string) => void;
  /** Other scripts than those of this folder: tests move their clock. */
  scripts?: ScriptLibrary;
}
