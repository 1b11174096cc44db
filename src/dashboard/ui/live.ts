import { signal } from '@preact/signals';
import type { LiveMessage } from '../wire-live.js';
import { stream } from './api.js';

/** `off`: hidden, or no stream yet. `away`: the server cannot be reached, or it cannot reach its store. */
export type LiveState = 'off' | 'live' | 'away';

interface JobAddress {
  queue: string;
  id: string;
}

/** What tabs of one browser tell each other. */
type Note =
  | { kind: 'message'; message: LiveMessage }
  | { kind: 'state'; state: LiveState; job: string | undefined }
  | { kind: 'want'; tab: string; job: JobAddress | undefined };

const NAME = `task-queue-dashboard:${new URL(document.baseURI).pathname}`;
const RETRY_MS = [500, 1000, 2000, 5000, 10_000, 30_000];
const tab = String(Math.random());

export const liveState = signal<LiveState>('off');
/** The job whose events the stream carries, as `keyOf` makes it. */
export const followedJob = signal<string | undefined>(undefined);

const listeners = new Set<(message: LiveMessage) => void>();
const wants = new Map<string, JobAddress>();
const channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel(NAME) : undefined;
let leading = false;
let looking: AbortController | undefined;
let reopen: (() => void) | undefined;

export const keyOf = ({ queue, id }: JobAddress): string => `${queue}\n${id}`;

/** @returns ends it */
export function onLive(listener: (message: LiveMessage) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** This tab shows a job and wants its events; one stream carries those of one job, the newest that was wanted. */
export function followJob(job: JobAddress | undefined): void {
  note({ kind: 'want', tab, job });
  want(tab, job);
}

/**
 * One stream for all tabs of a browser: who holds the lock reads it and hands on what it says. A hidden tab lets go, so that
 * nothing is asked of the server when nobody looks. Without Web Locks (http, not on localhost) each tab has a stream of its own.
 */
export function startLive(): void {
  channel?.addEventListener('message', ({ data }: MessageEvent<Note>) => {
    if (data.kind === 'message') tell(data.message);
    else if (data.kind === 'want') want(data.tab, data.job);
    else if (!leading) show(data.state, data.job);
  });
  document.addEventListener('visibilitychange', look);
  addEventListener('pagehide', () => {
    followJob(undefined);
    looking?.abort();
  });
  addEventListener('pageshow', look);
  look();
}

function look(): void {
  if (document.hidden) {
    looking?.abort();
    looking = undefined;
    show('off', undefined);
    return;
  }
  if (looking && !looking.signal.aborted) return;
  looking = new AbortController();
  const { signal } = looking;
  if (navigator.locks === undefined) void lead(signal);
  else navigator.locks.request(NAME, { signal }, () => lead(signal)).catch(() => undefined); // aborted while it waited
}

async function lead(signal: AbortSignal): Promise<void> {
  leading = true;
  let failures = 0;
  while (!signal.aborted) {
    const began = Date.now();
    const again = await readStream(signal);
    if (signal.aborted) break;
    if (again) continue;
    failures = Date.now() - began > 30_000 ? 0 : failures;
    share('away');
    await pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)], signal);
  }
  leading = false;
}

/** @returns whether another one is to be opened at once */
async function readStream(signal: AbortSignal): Promise<boolean> {
  const attempt = new AbortController();
  const abort = (): void => attempt.abort();
  signal.addEventListener('abort', abort);
  let changed = false;
  reopen = () => {
    changed = true;
    abort();
  };
  const job = [...wants.values()].at(-1);
  let watch: ReturnType<typeof setTimeout> | undefined;
  let beatMs = 20_000;
  try {
    for await (const message of stream('live', job ? { job: job.id, jobQueue: job.queue } : {}, attempt.signal)) {
      clearTimeout(watch);
      watch = setTimeout(abort, beatMs * 3);
      if (message.kind === 'hello') {
        beatMs = message.beatMs;
        share('live', job && keyOf(job));
      }
      if (message.kind === 'bye') changed = message.why !== 'shutdown';
      if (message.kind === 'store') share(message.away ? 'away' : 'live', job && keyOf(job));
      if (message.kind !== 'beat') {
        note({ kind: 'message', message });
        tell(message);
      }
    }
  } catch {
    // lost, or ended by this tab: whoever called tells them apart by the signal
  } finally {
    clearTimeout(watch);
    signal.removeEventListener('abort', abort);
    reopen = undefined;
  }
  return changed;
}

function want(from: string, job: JobAddress | undefined): void {
  const before = [...wants.values()].at(-1);
  wants.delete(from);
  if (job) wants.set(from, job);
  const now = [...wants.values()].at(-1);
  // A job that nobody wants any more costs the stream nothing worth a new one.
  if (leading && now && (!before || keyOf(before) !== keyOf(now))) reopen?.();
  else if (leading) share(liveState.value, followedJob.value);
}

function share(state: LiveState, job?: string): void {
  show(state, job);
  note({ kind: 'state', state, job });
}

function show(state: LiveState, job: string | undefined): void {
  liveState.value = state;
  followedJob.value = job;
}

function note(content: Note): void {
  channel?.postMessage(content);
}

function tell(message: LiveMessage): void {
  if (document.hidden) return;
  for (const listener of listeners) listener(message);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
