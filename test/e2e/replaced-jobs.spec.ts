import { afterEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import {
  defineJob,
  encryptedCodec,
  QueueService,
  type EnqueueOptions,
  type JobHandle,
  type TaskQueueModuleOptions,
} from 'nestjs-task-queue';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

interface Change {
  at: number;
  text?: string;
}

const rebuild = defineJob<Change>({ queue: 'reports', name: 'rebuild' });
const LONG = 'é'.repeat(9000);

describe.each(STORES)('on $name, a call whose key another job has', ({ options }) => {
  /** An app with a handler that waits for the gate, and what it ran. */
  async function start(open = gate(), more: Partial<TaskQueueModuleOptions> = {}) {
    const ran: Change[] = [];
    const isRunning = gate();
    const handler = handlerOf(
      'reports',
      async ({ payload }) => {
        ran.push(payload as Change);
        isRunning.open(undefined);
        await open.promise;
      },
      { name: 'rebuild', concurrency: 1 },
    );
    const { app } = await startApp({ providers: [handler] }, { ...options(), ...more });
    return { queues: app.get(QueueService), ran, open, isRunning };
  }

  it('replaces what waits: payload, options and due time, not its number and place', async () => {
    const { queues, ran, open } = await start();
    open.open(undefined);
    const unique = { key: 'a', onConflict: 'replace' } as const;
    const first = await queues.enqueue(rebuild, { at: 1 }, { unique, delay: '1h', maxAttempts: 2 });
    const second = await queues.enqueue(
      rebuild,
      { at: 2, text: LONG },
      { unique, delay: '2h', maxAttempts: 7, headers: { by: 'ada' } },
    );
    expect([second.created, second.conflict, second.number]).toEqual([false, 'replaced', first.number]);
    expect([second.payload, second.maxAttempts, second.headers]).toEqual([{ at: 2, text: LONG }, 7, { by: 'ada' }]);
    expect(second.dueAt).toBeGreaterThan((first.scheduledFor ?? Infinity) + 3_000_000);
    const third = await queues.enqueue(rebuild, { at: 3 }, { unique });
    expect([third.conflict, third.number]).toEqual(['replaced', first.number]);
    await third.result();
    expect(ran).toEqual([{ at: 3 }]);
  });

  it('keeps a job that runs, and replaces the one behind it where the key is free meanwhile', async () => {
    const { queues, ran, open, isRunning } = await start();
    const until = { key: 'b', onConflict: 'replace', until: 'started' } as const;
    const runs = await queues.enqueue(rebuild, { at: 1 }, { unique: 'a' });
    await isRunning.promise;
    const kept = await queues.enqueue(rebuild, { at: 2 }, { unique: { key: 'a', onConflict: 'replace' } });
    expect([kept.conflict, kept.number, kept.payload]).toEqual(['kept', runs.number, { at: 1 }]);
    const waits = await queues.enqueue(rebuild, { at: 3 }, { unique: until });
    const replaced = await queues.enqueue(rebuild, { at: 4 }, { unique: until });
    expect([replaced.conflict, replaced.number]).toEqual(['replaced', waits.number]);
    open.open(undefined);
    await replaced.result();
    expect(ran).toEqual([{ at: 1 }, { at: 4 }]);
  });

  it('throttles: one job a window, and with both edges one at its end', async () => {
    const { queues, ran, open } = await start();
    open.open(undefined);
    const leading = { key: 'a', throttle: '1h' } as const;
    const first = await queues.enqueue(rebuild, { at: 1 }, { unique: leading });
    await first.result();
    const second = await queues.enqueue(rebuild, { at: 2 }, { unique: leading });
    expect([second.created, second.conflict, second.number]).toEqual([false, 'kept', first.number]);

    const both = { key: 'b', throttle: '1h', edge: 'both' } as const;
    const [one, two, three] = await queues.enqueueMany(
      rebuild,
      [3, 4, 5].map((at) => ({ payload: { at }, unique: both })),
    );
    expect([one.created, two.created, three.created, three.conflict]).toEqual([true, true, false, 'replaced']);
    expect([two.state, three.number, three.payload]).toEqual(['scheduled', two.number, { at: 5 }]);
    expect(three.dueAt).toBeGreaterThan(one.enqueuedAt + 3_500_000);
    await one.result();
    await three.promote();
    await three.result();
    expect(ran).toEqual([{ at: 1 }, { at: 3 }, { at: 5 }]);
  });

  it('debounces: one job once the calls have ceased', async () => {
    const { queues, ran, open } = await start();
    open.open(undefined);
    const unique = { key: ['text'], debounce: '50ms', atMost: '1h' } as const;
    const handles: JobHandle<Change>[] = [];
    for (const at of [1, 2, 3]) handles.push(await queues.enqueue(rebuild, { at, text: 'a' }, { unique }));
    await handles[2].result();
    // Where the machine stood still between two calls, these were two bursts.
    const numbers = new Set(handles.map(({ number }) => number));
    expect(ran.at(-1)).toEqual({ at: 3, text: 'a' });
    expect(ran).toHaveLength(numbers.size);
    for (const { created, conflict } of handles) expect(created).toBe(conflict === undefined);
  });

  it('brings payloads that a codec encrypts, long and short', async () => {
    const codec = encryptedCodec({ keys: { k1: randomBytes(32) }, current: 'k1' });
    const { queues, ran, open } = await start(gate(), { codec });
    open.open(undefined);
    const unique = { key: 'a', onConflict: 'replace' } as const;
    await queues.enqueue(rebuild, { at: 1 }, { unique, delay: '1h' });
    const second = await queues.enqueue(rebuild, { at: 2, text: LONG }, { unique, delay: '1h' });
    expect(second.payload).toEqual({ at: 2, text: LONG });
    const third = await queues.enqueue(rebuild, { at: 3, text: LONG }, { unique });
    await third.result();
    expect(ran).toEqual([{ at: 3, text: LONG }]);
  });

  it.each<[EnqueueOptions, string]>([
    [{ unique: { key: 'a', throttle: '1s', debounce: '1s' } }, 'unique.debounce'],
    [{ unique: { key: 'a', throttle: 0 } }, 'unique.throttle'],
    [{ unique: { key: 'a', throttle: -1 } }, 'unique.throttle'],
    [{ unique: { key: 'a', throttle: 'soon' } }, 'unique.throttle'],
    [{ unique: { key: 'a', throttle: undefined as never } }, 'throttle in unique'],
    [{ unique: { key: 'a', throttle: '1s', edge: 'trailing' as never } }, 'unique.edge'],
    [{ unique: { key: 'a', edge: 'both' } as never }, 'unique.edge'],
    [{ unique: { key: 'a', throttle: '1s', until: 'started' } as never }, 'unique.until'],
    [{ unique: { key: 'a', debounce: 0 } }, 'unique.debounce'],
    [{ unique: { key: 'a', debounce: NaN } }, 'unique.debounce'],
    [{ unique: { key: 'a', debounce: '2s', atMost: '1s' } }, 'unique.atMost'],
    [{ unique: { key: 'a', atMost: '1s' } }, 'unique.atMost'],
    [{ unique: { key: 'a', debounce: '1s', onConflict: 'keep' } as never }, 'unique.onConflict'],
    [{ unique: { key: 'a', onConflict: 'drop' as never } }, 'unique.onConflict'],
    [{ unique: { key: 'a', onConflict: 'replace' }, id: 'b' }, 'id in enqueue'],
    [{ unique: { key: 'a', throttle: '1s' }, id: 'b' }, 'id in enqueue'],
    [{ unique: { key: 'a', throttle: '1s' }, delay: '1s' }, 'delay in enqueue'],
    [{ unique: { key: 'a', debounce: '1s' }, runAt: 1 }, 'runAt in enqueue'],
  ])('is refused with %j', async (given, what) => {
    const { queues } = await start();
    const enqueued = queues.enqueue('reports', {}, given);
    await expect(enqueued).rejects.toMatchObject({ name: 'InvalidValueError' });
    await expect(enqueued).rejects.toThrow(what);
    expect(await queues.counts('reports')).toMatchObject({ ready: 0, scheduled: 0 });
  });
});
