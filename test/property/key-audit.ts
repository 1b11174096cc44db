import { expect } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { QueueKeys } from '../../src/redis/keys.js';
import { isSettled } from '../../src/core/job.js';
import { bytesOf, type ModelJob } from './model-job.js';
import type { Claim } from './key-model.js';
import type { QueueModel } from './queue-model.js';

type Reply = [Error | null, unknown][];

/** Looks at the very keys of a queue: whatever stands beside the records belongs to a job that is there. */
export class KeyAudit {
  constructor(
    private readonly client: Redis,
    private readonly keys: QueueKeys,
  ) {}

  async expectFit(model: QueueModel): Promise<void> {
    const { client, keys: k } = this;
    const hashes = [
      'jobs',
      'ids',
      'uniques',
      'traits',
      'crashes',
      'cancelling',
      'notes',
      'inflight',
      'waiters',
      'meta',
    ] as const;
    const pipeline = client.multi();
    for (const name of hashes) pipeline.hgetall(k[name]);
    pipeline.lrange(k.ready, 0, -1).lrange(k.completed, 0, -1).zrange(k.workers, '0', '-1', 'WITHSCORES');
    const values = ((await pipeline.exec()) as Reply).map(([, value]) => value);
    const [jobs, ids, uniques, traits, crashes, cancelling, notes, inflight, waiters, meta] = values as Record<
      string,
      string
    >[];
    const [ready, completed, workers] = values.slice(hashes.length) as string[][];

    const all = [...model.jobs.values()];
    const live = all.filter(({ state }) => !isSettled(state));
    const textsOf = (some: ModelJob[], value: (job: ModelJob) => string) =>
      Object.fromEntries(some.map((job) => [job.id, value(job)]));
    const { '-': _jobsFiller, ...records } = jobs;
    const { '-': _inflightFiller, ...tokens } = inflight;
    expect({
      jobs: Object.keys(records).sort(),
      inflight: tokens,
      ids,
      uniques: Object.fromEntries(Object.entries(uniques).filter(([, entry]) => !isOver(entry, model.now))),
      traits: Object.fromEntries(Object.entries(traits).map(([id, text]) => [id, text.split('\n').sort()])),
      crashes,
      cancelling: Object.keys(cancelling).sort(),
      notes,
      strangersAwaited: Object.keys(waiters).filter((id) => !live.some((job) => job.id === id)),
      workers,
    }).toEqual({
      jobs: all.map(({ id }) => id).sort(),
      inflight: textsOf(model.inState('active'), ({ token }) => token),
      ids: Object.fromEntries(all.flatMap(({ id, userId }) => (userId === undefined ? [] : [[userId, id]]))),
      uniques: Object.fromEntries([...model.claims()].map(([key, claim]) => [key, entryOf(claim)])),
      traits: Object.fromEntries(all.map((job) => [job.id, traitsOf(job)]).filter(([, lines]) => lines.length > 0)),
      crashes: textsOf(
        live.filter((job) => job.crashes > 0),
        (job) => String(job.crashes),
      ),
      cancelling: live
        .filter((job) => job.cancelling)
        .map(({ id }) => id)
        .sort(),
      notes: Object.fromEntries(all.flatMap(notesOf)),
      strangersAwaited: [],
      workers: [...model.leases]
        .sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
        .flatMap(([name, at]) => [name, String(at)]),
    });

    const inLine = new Set(model.inState('ready').map(({ id }) => id));
    const ends = model.inState('completed');
    const listed = new Set(completed.flatMap(idsOfElement));
    expect({
      readyHoles: Number(meta.readyHoles ?? 0),
      completedCount: Number(meta.completedCount ?? 0),
      cancelledBytes: Number(meta.cancelledBytes ?? 0),
      deadBytes: Number(meta.deadBytes ?? 0),
      unlisted: ends.filter(({ id }) => !listed.has(id)),
    }).toEqual({
      readyHoles: ready.filter((id) => !inLine.has(id)).length,
      completedCount: ends.length,
      cancelledBytes: sum(model.inState('cancelled').map(bytesOf)),
      deadBytes: sum(model.inState('dead').map(bytesOf)),
      unlisted: [],
    });
    // What was removed by hand is still counted until retention passes over its element.
    expect(Number(meta.completedBytes ?? 0)).toBeGreaterThanOrEqual(sum(ends.map(bytesOf)));
    expect(Number(meta.completedBytes ?? 0)).toBe(sum(completed.map((element) => Number(element.split(' ')[1]))));
  }
}

/** A window that is over lies there until somebody wants its key, or the janitor comes. */
function isOver(entry: string, now: number): boolean {
  const [, kind, , until] = entry.split(' ');
  return kind === 'w' && Number(until) <= now;
}

function entryOf({ id, window, burst }: Claim): string {
  if (window !== undefined) return `${id} w ${window.from} ${window.until}`;
  return burst === undefined ? id : `${id} d ${burst.first} ${burst.dueAt}`;
}

function traitsOf(job: ModelJob): string[] {
  const lines = job.parkedAs === undefined ? [] : [`n${job.parkedAs}`];
  if (job.priority > 0) lines.push(`p${job.priority}`);
  if (job.uniqueKey !== undefined) lines.push(`q${job.uniqueKey}`);
  if (job.freeWhileRunning) lines.push('r');
  return job.userId === undefined ? lines : [...lines, `u${job.userId}`];
}

function notesOf({ id, progress, logs }: ModelJob): [string, string][] {
  const notes: [string, string][] = [];
  if (progress !== undefined) notes.push([`${id}:progress`, progress]);
  if (logs.length > 0) notes.push([`${id}:logs`, logs.join('\n')]);
  return notes;
}

function idsOfElement(element: string): string[] {
  return element.split(' ').slice(3);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
