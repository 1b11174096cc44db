import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { ReservedJob } from '../../src/core/ports/worker-store.js';
import type { ResolvedWorkerOptions } from '../../src/options/options.js';
import { ScriptedWorker, settled } from '../support/scripted-worker.js';

let running: ScriptedWorker | undefined;
afterEach(() => running?.worker.close());

const LONG = 60_000;

function start(
  batch: { size?: number; waitMs?: number; byGroup?: boolean } = {},
  settings: Partial<ResolvedWorkerOptions> = {},
) {
  return (running = new ScriptedWorker({ concurrency: 2, ...settings }, { size: 3, waitMs: 0, ...batch }));
}

const jobs = (scripted: ScriptedWorker, ids: string, more: Parameters<ScriptedWorker['job']>[2] = {}): ReservedJob[] =>
  ids.split('').map((id, index) => scripted.job(id, scripted.fence(index), more));

/** The first turn is answered with these jobs. */
async function give(scripted: ScriptedWorker, ...given: readonly ReservedJob[][]): Promise<void> {
  await (await scripted.nth(1)).answer({ jobs: given.flat() });
  await settled();
}

describe('a handler that takes batches', () => {
  it('is asked for as many jobs as its calls can take, and gets them in calls of its size', async () => {
    const scripted = start();
    expect((await scripted.nth(1)).turn.want).toBe(6);
    await give(scripted, jobs(scripted, 'abcde'));
    expect(scripted.calls).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
  });

  it('takes a slot with each call, however few jobs it has, until the last of them has ended', async () => {
    const scripted = start();
    await give(scripted, jobs(scripted, 'a'));
    scripted.worker.wake();
    const second = await scripted.nth(2);
    expect(second.turn.want).toBe(3);
    await second.answer({ jobs: jobs(scripted, 'bc') });
    await settled();
    expect(scripted.calls).toEqual([['a'], ['b', 'c']]);
    scripted.worker.wake();
    expect((await scripted.nth(3)).turn.want).toBe(0);
    await scripted.turns.messages[2].answer();
    await scripted.end('a');
    expect((await scripted.nth(4)).turn).toMatchObject({ want: 3, settlements: [{ op: 'complete', id: 'a' }] });
  });

  it.each([
    {
      concurrency: 2,
      calls: [
        ['a', 'c', 'e'],
        ['b', 'd'],
      ],
    },
    { concurrency: 1, calls: [['a', 'c', 'e']] },
  ])('gets jobs of one group in a call, where it says so: $concurrency at once', async ({ concurrency, calls }) => {
    const scripted = start({ byGroup: true }, { concurrency });
    const given = 'abcde'.split('').map((id, index) => jobs(scripted, id, { group: index % 2 === 0 ? 'x' : 'y' }));
    await give(scripted, ...given);
    expect(scripted.calls).toEqual(calls);
    for (const id of calls[0]) await scripted.end(id);
    await settled();
    expect(scripted.calls).toContainEqual(['b', 'd']);
  });

  it('gets jobs without a group in a call of their own, where it takes groups', async () => {
    const scripted = start({ byGroup: true });
    await give(scripted, jobs(scripted, 'a'), jobs(scripted, 'b', { group: 'x' }), jobs(scripted, 'c'));
    expect(scripted.calls).toEqual([['a', 'c'], ['b']]);
  });

  it('gets jobs of one name in a call', async () => {
    const scripted = start();
    await give(
      scripted,
      jobs(scripted, 'a', { name: 'x' }),
      jobs(scripted, 'b', { name: 'y' }),
      jobs(scripted, 'c', { name: 'x' }),
    );
    expect(scripted.calls).toEqual([['a', 'c'], ['b']]);
  });

  it('leaves a slot of its own to each job of another handler', async () => {
    const scripted = start();
    await give(scripted, jobs(scripted, 'ab'), jobs(scripted, 'st', { name: 'single' }));
    expect(scripted.calls).toEqual([['a', 'b']]);
    expect(scripted.started).toEqual(['s', 'a', 'b']);
    await scripted.end('s');
    expect(scripted.started).toEqual(['s', 'a', 'b', 't']);
  });

  it('waits for others once the first is there, and no longer than it says', async () => {
    const scripted = start({ waitMs: 30 });
    const before = performance.now();
    await give(scripted, jobs(scripted, 'a'));
    expect(scripted.calls).toEqual([]);
    scripted.worker.wake();
    await (await scripted.nth(2)).answer({ jobs: jobs(scripted, 'b') });
    while (scripted.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(scripted.calls).toEqual([['a', 'b']]);
    expect(performance.now() - before).toBeGreaterThanOrEqual(29);
  });

  it('does not wait once there are as many as it takes', async () => {
    const scripted = start({ waitMs: LONG });
    await give(scripted, jobs(scripted, 'abc'));
    expect(scripted.calls).toEqual([['a', 'b', 'c']]);
  });

  it('asks for what the waiting call can still take, and for the other slots', async () => {
    const scripted = start({ waitMs: LONG });
    await give(scripted, jobs(scripted, 'a'));
    scripted.worker.wake();
    expect((await scripted.nth(2)).turn.want).toBe(5);
  });
});

it('holds as many jobs beside its calls as start within a few milliseconds, a call being worth all of its jobs', async () => {
  const clock = jest.spyOn(performance, 'now').mockReturnValue(1000);
  try {
    const scripted = start({}, { concurrency: 1, prefetch: 'auto' });
    await give(scripted, jobs(scripted, 'abc'));
    await (await scripted.nth(2)).answer();
    clock.mockReturnValue(1006);
    await scripted.end('a', 'b', 'c');
    // 2 ms a job: two of them in 5 ms, beside the three of the next call.
    expect((await scripted.nth(3)).turn.want).toBe(5);
  } finally {
    clock.mockRestore();
  }
});

describe('jobs that wait for others', () => {
  async function waiting() {
    const scripted = start({ waitMs: LONG });
    await give(scripted, jobs(scripted, 'ab'));
    return scripted;
  }

  it.each([
    ['the queue is paused', (scripted: ScriptedWorker) => scripted.worker.pause()],
    ['the process drains', (scripted: ScriptedWorker) => scripted.worker.stopReserving()],
  ])('go back where %s', async (_title, act) => {
    const scripted = await waiting();
    act(scripted);
    expect((await scripted.nth(2)).turn.settlements).toMatchObject([
      { op: 'release', id: 'a' },
      { op: 'release', id: 'b' },
    ]);
    scripted.worker.startWaiting();
    await settled();
    expect(scripted.calls).toEqual([]);
  });

  it('are cancelled one by one', async () => {
    const scripted = await waiting();
    scripted.worker.cancel(['a']);
    expect((await scripted.nth(2)).turn.settlements).toMatchObject([{ op: 'release', id: 'a' }]);
    scripted.worker.startWaiting();
    await settled();
    expect(scripted.calls).toEqual([['b']]);
  });

  it('are named where the worker compares notes, and are gone where another worker has them', async () => {
    const scripted = await waiting();
    scripted.worker.reconcile();
    await settled();
    const [{ held, answer }] = scripted.reconciles.messages;
    expect(held.map(({ id }) => id)).toEqual(['a', 'b']);
    await answer({ lost: ['a'] });
    scripted.worker.startWaiting();
    await settled();
    expect(scripted.calls).toEqual([['b']]);
  });

  it('keep the worker from being idle', async () => {
    const scripted = await waiting();
    expect(scripted.worker.isIdle).toBe(false);
  });
});

describe('jobs that wait for others, where another job needs their slot', () => {
  it('start at once for a job of another name', async () => {
    const scripted = start({ waitMs: LONG }, { concurrency: 1, prefetch: 'auto' });
    await give(scripted, jobs(scripted, 'a', { name: 'x' }), jobs(scripted, 'b', { name: 'y' }));
    expect(scripted.calls).toEqual([['a']]);
    await scripted.end('a');
    scripted.worker.startWaiting();
    await settled();
    expect(scripted.calls).toEqual([['a'], ['b']]);
  });

  it('start one call after the other: a job has the oldest begin, and no second one', async () => {
    const scripted = start({ waitMs: LONG });
    await give(scripted, ...['x', 'y', 'z'].map((name, at) => jobs(scripted, 'abc'[at], { name })));
    expect(scripted.calls).toEqual([['a']]);
    scripted.worker.wake();
    await (await scripted.nth(2)).answer({ jobs: jobs(scripted, 'd', { name: 'z' }) });
    await settled();
    expect(scripted.calls).toEqual([['a']]);
    await scripted.end('a');
    scripted.worker.startWaiting();
    await settled();
    expect(scripted.calls).toEqual([['a'], ['b'], ['c', 'd']]);
  });

  it('start for a job of a handler that takes no batches', async () => {
    const scripted = start({ waitMs: LONG }, { concurrency: 1 });
    await give(scripted, jobs(scripted, 'a'), jobs(scripted, 's', { name: 'single' }));
    expect(scripted.started).toEqual(['a']);
    await scripted.end('a');
    expect(scripted.started).toEqual(['a', 's']);
  });

  it('start where a suspect waits until it is alone', async () => {
    const scripted = start({ waitMs: LONG });
    await give(scripted, jobs(scripted, 'a'));
    expect(scripted.calls).toEqual([]);
    scripted.worker.wake();
    await (await scripted.nth(2)).answer({ suspects: true, jobs: jobs(scripted, 'b') });
    await settled();
    expect(scripted.calls).toEqual([['a', 'b']]);
  });
});

describe('jobs of one call', () => {
  it('end each on their own: a cancelled one at once, and the others go on', async () => {
    const scripted = start();
    await give(scripted, jobs(scripted, 'abc'));
    scripted.worker.cancel(['b']);
    await settled();
    await scripted.end('a', 'c');
    for (const { answer } of scripted.turns.messages) await answer();
    for (let turn = 2; scripted.settlements.length < 3; turn++) await (await scripted.nth(turn)).answer();
    expect(scripted.settlements.sort()).toEqual(['cancel b', 'complete a', 'complete c']);
  });

  it('go back at the end of the grace', async () => {
    const scripted = start();
    await give(scripted, jobs(scripted, 'ab'));
    scripted.worker.releaseAll('shutdown');
    for (let turn = 2; scripted.settlements.length < 2; turn++) await (await scripted.nth(turn)).answer();
    expect(scripted.settlements).toEqual(['release a', 'release b']);
  });

  it('do not wait for others, and run alone, after they crashed their worker twice', async () => {
    const scripted = start({ waitMs: LONG });
    await give(scripted, jobs(scripted, 'a', { crashes: 2 }));
    expect(scripted.calls).toEqual([['a']]);
    scripted.worker.wake();
    expect((await scripted.nth(2)).turn.want).toBe(0);
  });
});
