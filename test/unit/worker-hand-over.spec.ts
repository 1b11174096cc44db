import { afterEach, describe, expect, it } from '@jest/globals';
import type { ResolvedWorkerOptions } from '../../src/options/options.js';
import { ScriptedWorker, settled } from '../support/scripted-worker.js';

let running: ScriptedWorker | undefined;
afterEach(() => running?.worker.close());

function start(settings: Partial<ResolvedWorkerOptions> = {}): ScriptedWorker {
  return (running = new ScriptedWorker(settings));
}

/** A worker that waits: its first turn found nothing. */
async function startIdle(settings: Partial<ResolvedWorkerOptions> = {}): Promise<ScriptedWorker> {
  const scripted = start(settings);
  await scripted.begin();
  return scripted;
}

describe('a job that comes with its wake-up', () => {
  it('starts without a turn; the next turn names its fence and asks for the room that is left', async () => {
    const scripted = await startIdle();
    const fence = scripted.fence();
    scripted.handOver(scripted.job('a', fence));
    await scripted.begun();
    await settled();
    expect(scripted.started).toEqual(['a']);
    expect(scripted.turns.messages).toHaveLength(1);
    scripted.worker.wake();
    const { turn } = await scripted.nth(2);
    expect(turn).toMatchObject({ want: 9, handedFence: fence, takesHanded: true, settlements: [] });
  });

  it('settles and asks in one turn when its handler is quick', async () => {
    const scripted = await startIdle();
    const job = scripted.job('a', scripted.fence());
    scripted.handOver(job);
    await scripted.end('a');
    const { turn } = await scripted.nth(2);
    expect(turn.settlements).toMatchObject([{ op: 'complete', id: 'a', token: job.token }]);
    expect(turn.want).toBe(10);
    expect(scripted.turns.messages).toHaveLength(2);
  });

  it('comes with up to seven others', async () => {
    const scripted = await startIdle();
    for (let index = 0; index < 8; index++) scripted.handOver(scripted.job(`j${index}`, scripted.fence(index)));
    await scripted.begun();
    expect(scripted.started).toHaveLength(8);
    scripted.worker.wake();
    const { turn } = await scripted.nth(2);
    expect(turn).toMatchObject({ want: 2, handedFence: scripted.fence(7) });
  });

  it('is not started again by an answer that its message overtook', async () => {
    const scripted = start();
    const turn = await scripted.nth(1);
    const fence = scripted.fence();
    scripted.handOver(scripted.job('a', fence));
    await turn.answer({ fence, jobs: [scripted.job('a', fence, { handed: true })] });
    expect(scripted.started).toEqual(['a']);
    await (await scripted.nth(2)).answer({ fence });
    await scripted.end('a');
    expect(scripted.settlements).toEqual(['complete a']);
  });

  it('is not started again by such an answer after it has ended', async () => {
    const scripted = start();
    const turn = await scripted.nth(1);
    const fence = scripted.fence();
    scripted.handOver(scripted.job('a', fence));
    await scripted.end('a');
    await turn.answer({ fence, jobs: [scripted.job('a', fence, { handed: true })] });
    expect(scripted.started).toEqual(['a']);
  });

  it('leaves the jobs that such an answer reserved to start', async () => {
    const scripted = start();
    const turn = await scripted.nth(1);
    // Handed over before the turn, and after it: what the turn reserved is older than the second.
    scripted.handOver(scripted.job('a', scripted.fence(1)));
    scripted.handOver(scripted.job('c', scripted.fence(3)));
    const jobs = [scripted.job('a', scripted.fence(1), { handed: true }), scripted.job('b', scripted.fence(2))];
    await turn.answer({ fence: scripted.fence(2), jobs });
    expect(scripted.started).toEqual(['a', 'c', 'b']);
  });

  it('is not started again by a message that comes behind the answer', async () => {
    const scripted = start();
    const fence = scripted.fence();
    await (await scripted.nth(1)).answer({ fence, jobs: [scripted.job('a', fence, { handed: true })] });
    scripted.handOver(scripted.job('a', fence));
    expect(scripted.started).toEqual(['a']);
    await scripted.end('a');
    scripted.handOver(scripted.job('a', fence));
    expect(scripted.started).toEqual(['a']);
  });

  it('starts from the answer where its message was lost; the next turn names its fence', async () => {
    const scripted = start();
    const fence = scripted.fence();
    await (await scripted.nth(1)).answer({ fence, jobs: [scripted.job('a', fence, { handed: true })] });
    expect(scripted.started).toEqual(['a']);
    scripted.worker.wake();
    expect((await scripted.nth(2)).turn.handedFence).toBe(fence);
  });

  it('starts from the answers of both lanes once', async () => {
    const scripted = await startIdle({ concurrency: 20 });
    for (let index = 0; index < 10; index++) scripted.handOver(scripted.job(`j${index}`, scripted.fence(index)));
    scripted.worker.wake();
    const first = await scripted.nth(2);
    await scripted.end(...Array.from({ length: 10 }, (_, index) => `j${index}`));
    const second = await scripted.nth(3);
    expect(second.turn.lane).toBe(1);
    const fence = scripted.fence(20);
    await first.answer({ fence, jobs: [scripted.job('a', fence, { handed: true })] });
    await second.answer({ fence, jobs: [scripted.job('a', fence, { handed: true })] });
    expect(scripted.started.filter((id) => id === 'a')).toHaveLength(1);
  });

  it('starts from an answer that a newer one overtook', async () => {
    const scripted = await startIdle({ concurrency: 20 });
    for (let index = 0; index < 10; index++) scripted.handOver(scripted.job(`j${index}`, scripted.fence(index)));
    scripted.worker.wake();
    const first = await scripted.nth(2);
    await scripted.end(...Array.from({ length: 10 }, (_, index) => `j${index}`));
    const second = await scripted.nth(3);
    // The first turn listed the worker again, and another job was handed over before the second turn.
    const [older, newer] = [scripted.fence(20), scripted.fence(21)];
    await second.answer({ fence: newer, jobs: [scripted.job('b', newer, { handed: true })] });
    await first.answer({ fence: older, jobs: [scripted.job('a', older, { handed: true })] });
    expect(scripted.started.slice(10)).toEqual(['b', 'a']);
    scripted.worker.wake();
    expect((await scripted.nth(4)).turn.handedFence).toBe(newer);
  });
});

describe('a worker that was handed a job', () => {
  it('asks for more at once where that was the last one it had room for', async () => {
    const scripted = await startIdle({ concurrency: 1, prefetch: 1 });
    for (const id of ['a', 'b']) scripted.handOver(scripted.job(id, scripted.fence(id === 'a' ? 1 : 2)));
    await scripted.end('a');
    expect((await scripted.nth(2)).turn).toMatchObject({ want: 1, settlements: [{ id: 'a' }] });
  });

  it('asks again where its turn under way asked for all there was room for', async () => {
    const scripted = start();
    const first = await scripted.nth(1);
    // The store answered the turn, listed the worker and took it off the list again for this job.
    scripted.handOver(scripted.job('a', scripted.fence()));
    await settled();
    await first.answer();
    expect((await scripted.nth(2)).turn.want).toBe(9);
  });

  it('gives back what does not start beside a slow handler', async () => {
    const scripted = start({ concurrency: 1, prefetch: 'auto' });
    const first = await scripted.nth(1);
    await first.answer({ jobs: [scripted.job('quick', 1)], fence: 1 });
    await scripted.end('quick');
    await (await scripted.nth(2)).answer({ fence: 1 });
    scripted.handOver(scripted.job('slow', scripted.fence(1)));
    scripted.handOver(scripted.job('b', scripted.fence(2)));
    await scripted.begun();
    expect(scripted.started).toEqual(['quick', 'slow']);
    for (let count = 3; !scripted.settlements.includes('release b'); count++)
      await (await scripted.nth(count)).answer();
    expect(scripted.started).toEqual(['quick', 'slow']);
  });

  it('runs as many at a time as it may', async () => {
    const scripted = await startIdle({ concurrency: 2, prefetch: 1 });
    for (let index = 0; index < 3; index++) scripted.handOver(scripted.job(`j${index}`, scripted.fence(index)));
    await scripted.begun();
    expect(scripted.started).toEqual(['j0', 'j1']);
    await scripted.end('j0');
    expect(scripted.started).toEqual(['j0', 'j1', 'j2']);
  });

  it('asks the store about one that lay too long, and starts it only when a turn brings it', async () => {
    const scripted = await startIdle();
    const old = scripted.job('a', scripted.fence());
    scripted.now += 2001;
    scripted.handOver(old);
    expect(scripted.started).toEqual([]);
    const [reconcile] = await scripted.reconciles.first(1);
    expect(reconcile.held).toEqual([]);
    await reconcile.answer({ released: 1, fence: old.fence });
    const { turn, answer } = await scripted.nth(2);
    expect(turn.want).toBe(10);
    const fence = scripted.fence();
    await answer({ fence, jobs: [scripted.job('a', fence)] });
    expect(scripted.started).toEqual(['a']);
  });

  it('does not forget one that lay too long over a newer one', async () => {
    const scripted = start();
    const turn = await scripted.nth(1);
    const [older, newer] = [scripted.fence(), scripted.fence(1_900_000)];
    scripted.now += 2100;
    scripted.handOver(scripted.job('a', older));
    scripted.handOver(scripted.job('b', newer));
    await turn.answer({ fence: older, jobs: [scripted.job('a', older, { handed: true })] });
    expect(scripted.started).toEqual(['b', 'a']);
  });

  it.each([
    ['paused', ({ worker }: ScriptedWorker) => worker.pause()],
    ['about to close', ({ worker }: ScriptedWorker) => worker.stopReserving()],
  ])('gives it back while it is %s', async (_state, act) => {
    const scripted = await startIdle();
    act(scripted);
    scripted.handOver(scripted.job('a', scripted.fence()));
    const { turn } = await scripted.nth(2);
    expect(turn.settlements).toMatchObject([{ op: 'release', id: 'a' }]);
    expect(scripted.started).toEqual([]);
  });

  it('gives it back from an answer, too, while it is about to close', async () => {
    const scripted = start();
    const turn = await scripted.nth(1);
    scripted.worker.stopReserving();
    const drained = scripted.worker.drained();
    const fence = scripted.fence();
    await turn.answer({ fence, jobs: [scripted.job('a', fence, { handed: true })] });
    const last = await scripted.nth(2);
    expect(last.turn).toMatchObject({ want: 0, takesHanded: false, settlements: [{ op: 'release', id: 'a' }] });
    await last.answer({ fence });
    await drained;
  });

  it('leaves it to the lease when it is closed', async () => {
    const scripted = await startIdle();
    await scripted.worker.close();
    scripted.handOver(scripted.job('a', scripted.fence()));
    await settled();
    expect(scripted.started).toEqual([]);
    expect(scripted.turns.messages).toHaveLength(1);
  });

  it('gives it back while a suspect runs', async () => {
    const scripted = start();
    const turn = await scripted.nth(1);
    await turn.answer({ fence: 1, jobs: [scripted.job('suspect', 1, { crashes: 2 })] });
    scripted.handOver(scripted.job('a', scripted.fence()));
    expect((await scripted.nth(2)).turn.settlements).toMatchObject([{ op: 'release', id: 'a' }]);
    expect(scripted.started).toEqual(['suspect']);
  });

  it('cancels one that has not started', async () => {
    const scripted = await startIdle({ concurrency: 1, prefetch: 1 });
    scripted.handOver(scripted.job('a', scripted.fence()));
    scripted.handOver(scripted.job('b', scripted.fence(1)));
    scripted.worker.cancel(['b']);
    await settled();
    expect(scripted.settlements).toEqual(['release b']);
    expect(scripted.started).toEqual(['a']);
  });
});

describe('a message while worker and store compare what is held', () => {
  /** The reconcile is under way: what it holds was told, what comes from now on was not. */
  async function startComparing() {
    const scripted = await startIdle();
    scripted.worker.reconcile();
    const [reconcile] = await scripted.reconciles.first(1);
    const looked = scripted.job('a', scripted.fence(1));
    const newer = scripted.job('b', scripted.fence(2));
    scripted.handOver(looked);
    scripted.handOver(newer);
    expect(scripted.started).toEqual([]);
    return { scripted, reconcile, looked };
  }

  it('starts its job afterwards, unless the store has given that job back', async () => {
    const { scripted, reconcile, looked } = await startComparing();
    await reconcile.answer({ fence: looked.fence, released: 1 });
    expect(scripted.started).toEqual(['b']);
  });

  it('counts for nothing when the answer is lost: a turn brings what still is to be run', async () => {
    const { scripted, reconcile } = await startComparing();
    await reconcile.fail();
    expect(scripted.started).toEqual([]);
    scripted.worker.wake();
    const { turn, answer } = await scripted.nth(2);
    expect(turn.handedFence).toBe(0);
    const fence = scripted.fence(2);
    await answer({ fence, jobs: [scripted.job('b', fence, { handed: true })] });
    expect(scripted.started).toEqual(['b']);
  });

  it('starts no job when it comes after a job was given back', async () => {
    const { scripted, reconcile, looked } = await startComparing();
    await reconcile.answer({ fence: looked.fence, released: 1 });
    scripted.handOver(looked);
    expect(scripted.started).toEqual(['b']);
  });

  it('starts its job also where fences began anew, below those that were known', async () => {
    const scripted = await startIdle();
    scripted.handOver(scripted.job('a', scripted.fence(9)));
    scripted.worker.wake();
    await (await scripted.nth(2)).answer({ fence: scripted.fence(9) });
    scripted.worker.reconcile();
    const [reconcile] = await scripted.reconciles.first(1);
    // A failover lost the counter, and the new server's clock is a little behind.
    await reconcile.answer({ lost: ['a'], fence: scripted.fence(1) });
    expect((await scripted.nth(3)).turn.handedFence).toBe(scripted.fence(1));
    scripted.handOver(scripted.job('b', scripted.fence(2)));
    await scripted.begun();
    expect(scripted.started).toEqual(['a', 'b']);
  });
});
