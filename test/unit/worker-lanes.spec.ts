import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { encodeEnvelope, type EnvelopeHeader } from '../../src/core/envelope.js';
import type { ResolvedWorkerOptions } from '../../src/options/options.js';
import { type OpenTurn, ScriptedWorker, settled } from '../support/scripted-worker.js';

let running: ScriptedWorker | undefined;
afterEach(() => running?.worker.close());

function start(settings: Partial<ResolvedWorkerOptions> = {}): ScriptedWorker {
  return (running = new ScriptedWorker(settings));
}

const idsOf = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}${index}`);

/** Runs as many jobs as it may; the turn that asked for more was answered. */
async function startFull(concurrency = 10): Promise<ScriptedWorker> {
  const scripted = start({ concurrency });
  const jobs = idsOf(concurrency, 'a').map((id) => scripted.job(id, 1));
  await (await scripted.nth(1)).answer({ fence: 1, jobs });
  // A full answer: it asks again whether there is more, as soon as there is room.
  expect((await scripted.nth(2)).turn.want).toBe(0);
  await (await scripted.nth(2)).answer({ fence: 1 });
  return scripted;
}

/** Both lanes are under way: the third turn asks for one job, the fourth for five. */
async function startBoth(): Promise<{ scripted: ScriptedWorker; first: OpenTurn; second: OpenTurn }> {
  const scripted = await startFull();
  await scripted.end('a0');
  const first = await scripted.nth(3);
  await scripted.end('a1', 'a2', 'a3', 'a4', 'a5');
  const second = await scripted.nth(4);
  return { scripted, first, second };
}

describe('two lanes', () => {
  it('are two sequences of calls', async () => {
    const { scripted, first, second } = await startBoth();
    expect(first.turn).toMatchObject({ lane: 0, call: 3, want: 1 });
    expect(second.turn).toMatchObject({ lane: 1, call: 1, want: 5 });
    await first.answer({ fence: 1 });
    await second.answer({ fence: 1 });
    scripted.worker.wake();
    expect((await scripted.nth(5)).turn).toMatchObject({ lane: 0, call: 4 });
  });

  it('ask together for no more than there is room for', async () => {
    const { scripted, first, second } = await startBoth();
    expect(first.turn.want + second.turn.want).toBe(6);
    await second.answer({ fence: 3, jobs: idsOf(5, 'c').map((id) => scripted.job(id, 3)) });
    await first.answer({ fence: 2, jobs: [scripted.job('b', 2)] });
    expect(scripted.started).toHaveLength(16);
  });

  it('settle every end once, each in one of them', async () => {
    const { scripted, first, second } = await startBoth();
    expect(first.turn.settlements.map(({ id }) => id)).toEqual(['a0']);
    expect(second.turn.settlements.map(({ id }) => id)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
    await scripted.end('a6', 'a7', 'a8', 'a9');
    expect(scripted.turns.messages).toHaveLength(4); // both are busy
    await first.answer({ fence: 1 });
    await second.answer({ fence: 1 });
    expect((await scripted.nth(5)).turn.settlements.map(({ id }) => id)).toEqual(['a6', 'a7', 'a8', 'a9']);
  });

  it('are used for a batch of settlements, not for a few', async () => {
    const scripted = await startFull();
    await scripted.end('a0');
    await scripted.nth(3);
    await scripted.end('a1', 'a2', 'a3', 'a4');
    expect(scripted.turns.messages).toHaveLength(3);
    await scripted.end('a5');
    expect(scripted.turns.messages).toHaveLength(4);
  });

  it('repeat the same call of the same lane until it is answered', async () => {
    const { scripted, first, second } = await startBoth();
    first.fail();
    await second.answer({ fence: 1 });
    const repeated = await scripted.nth(5);
    expect(repeated.turn).toBe(first.turn);
    await repeated.answer({ fence: 1 });
    expect(scripted.settlements.filter((settlement) => settlement === 'complete a0')).toHaveLength(2);
    scripted.worker.wake();
    expect((await scripted.nth(6)).turn).toMatchObject({ call: 4, settlements: [] });
  });
});

describe('what one turn settles', () => {
  /** Ends as many jobs with such payloads together; answers how many each turn settled. */
  async function settleAll(count: number, length: number, header?: EnvelopeHeader): Promise<number[]> {
    const scripted = start({ concurrency: count });
    const ids = idsOf(count, 'a');
    const envelope = encodeEnvelope(scripted.now, undefined, header, JSON.stringify('x'.repeat(length)));
    await (await scripted.nth(1)).answer({ fence: 1, jobs: ids.map((id) => scripted.job(id, 1, { envelope })) });
    await scripted.end(...ids);
    for (let turn = 1; scripted.settlements.length < count; turn++) await (await scripted.nth(turn + 1)).answer();
    expect([...scripted.settlements].sort()).toEqual(ids.map((id) => `${header ? 'bury' : 'complete'} ${id}`).sort());
    await scripted.worker.close();
    return scripted.turns.messages.map(({ turn }) => turn.settlements.length).filter((settlements) => settlements > 0);
  }

  it('is bounded by the envelopes that the store looks up as well', async () => {
    // Each is copied there as often as two that are sent: with 100,000 characters six of them are a turn.
    expect(Math.max(...(await settleAll(40, 100_000)))).toBe(6);
    expect(Math.max(...(await settleAll(40, 100_000, { x: 1 })))).toBe(6);
    expect(await settleAll(3, 2_000_000)).toEqual([1, 1, 1]);
  });

  it('is not bounded by envelopes where they are short', async () => {
    expect(await settleAll(1000, 10, { x: 1 })).toEqual([500, 500]);
  });
});

describe('a wake-up during a turn', () => {
  it('is followed by a turn that asks', async () => {
    const scripted = start();
    const first = await scripted.nth(1);
    scripted.worker.wake();
    await first.answer();
    expect((await scripted.nth(2)).turn.want).toBe(10);
  });

  it('is not answered by a lane that asks for nothing because the other asked for all', async () => {
    const scripted = start({ concurrency: 10 });
    await (await scripted.nth(1)).answer({ fence: 1, jobs: idsOf(10, 'a').map((id) => scripted.job(id, 1)) });
    await (await scripted.nth(2)).answer({ fence: 1 });
    await scripted.end('a0');
    const asking = await scripted.nth(3);
    scripted.worker.wake();
    // Jobs that lost their handlers' names: settled without a run, so they make no room beyond what was asked for.
    const parked = idsOf(5, 'p').map((id, index) => scripted.job(id, scripted.fence(index), { name: 'unknown' }));
    for (const job of parked) scripted.handOver(job);
    await settled();
    const settling = await scripted.nth(4);
    expect(settling.turn).toMatchObject({ lane: 1, want: 0 });
    await asking.answer({ fence: 1 });
    await settling.answer({ fence: scripted.fence(9) });
    expect((await scripted.nth(5)).turn.want).toBe(1);
  });

  it('is followed by a turn after the last answer of both, whichever comes first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { scripted, first, second } = await startBoth();
      scripted.worker.wake();
      for (const index of order) {
        expect(scripted.turns.messages).toHaveLength(4);
        await [first, second][index].answer({ fence: 1 });
      }
      expect((await scripted.nth(5)).turn.want).toBe(6);
      await scripted.worker.close();
    }
  });

  it('of a worker that lets its jobs end for a suspect is followed by a turn once the suspect is gone', async () => {
    const scripted = await startFull();
    await scripted.end('a0');
    await (await scripted.nth(3)).answer({ fence: 1, suspects: true });
    await scripted.end('a1');
    const clearing = await scripted.nth(4);
    expect(clearing.turn.want).toBe(0);
    await clearing.answer({ fence: 1, suspects: false });
    expect((await scripted.nth(5)).turn.want).toBe(2);
  });
});

describe('the list of workers that wait', () => {
  it('is left by every turn of a worker that may be on it', async () => {
    const scripted = start();
    const first = await scripted.nth(1);
    expect(first.turn.listed).toBe(false);
    await first.answer(); // with room: it is listed
    scripted.worker.wake();
    const second = await scripted.nth(2);
    expect(second.turn.listed).toBe(true);
    await second.answer({ fence: 1, jobs: idsOf(10, 'a').map((id) => scripted.job(id, 1)) });
    expect((await scripted.nth(3)).turn.listed).toBe(false);
  });

  it('is thought to hold the worker while one of its lanes has room', async () => {
    const { scripted, first, second } = await startBoth();
    await first.answer({ fence: 1 }); // listed by this one
    await second.answer({ fence: 2, jobs: idsOf(5, 'b').map((id) => scripted.job(id, 2)) });
    expect((await scripted.nth(5)).turn.listed).toBe(true);
  });
});

describe('a queue that is resumed', () => {
  it('is not paused again by answers of either lane that were under way', async () => {
    const { scripted, first, second } = await startBoth();
    scripted.worker.pause();
    scripted.worker.resume();
    await first.answer({ fence: 1, paused: true });
    await second.answer({ fence: 1, paused: true });
    expect((await scripted.nth(5)).turn.want).toBe(6);
  });
});

describe('a worker that ends with both lanes busy', () => {
  it('drains: what both bring goes back, and what ends is settled', async () => {
    const { scripted, first, second } = await startBoth();
    scripted.worker.stopReserving();
    const drained = scripted.worker.drained();
    await first.answer({ fence: 2, jobs: [scripted.job('b', 2)] });
    await scripted.end('a6', 'a7', 'a8', 'a9');
    await second.answer({ fence: 3, jobs: idsOf(5, 'c').map((id) => scripted.job(id, 3)) });
    const releases = ['release b', ...idsOf(5, 'c').map((id) => `release ${id}`)];
    for (let count = 5; !releases.every((release) => scripted.settlements.includes(release)); count++) {
      await (await scripted.nth(count)).answer({ fence: 3 });
    }
    for (const { answer } of scripted.turns.messages.slice(4)) await answer({ fence: 3 });
    await drained;
    expect(scripted.started).toHaveLength(10);
    expect(new Set(scripted.settlements).size).toBe(scripted.settlements.length);
    expect(scripted.settlements).toEqual(expect.arrayContaining(idsOf(10, 'a').map((id) => `complete ${id}`)));
  });

  it('is drained only when both are answered', async () => {
    const { scripted, first, second } = await startBoth();
    await scripted.end('a6', 'a7', 'a8', 'a9');
    scripted.worker.stopReserving();
    await second.answer({ fence: 1 });
    expect(scripted.worker.isIdle).toBe(false);
    await first.answer({ fence: 1 });
    expect(scripted.worker.isIdle).toBe(false);
    await (await scripted.nth(5)).answer({ fence: 1 });
    expect(scripted.worker.isIdle).toBe(true);
  });

  it('closes at once, and ignores answers that come later', async () => {
    const { scripted, first, second } = await startBoth();
    await scripted.worker.close();
    await scripted.worker.drained();
    await first.answer({ fence: 2, jobs: [scripted.job('b', 2)] });
    second.fail();
    await settled();
    expect(scripted.started).toHaveLength(10);
    expect(scripted.turns.messages).toHaveLength(4);
  });
});

describe('a worker that is closed', () => {
  afterEach(() => {
    jest.useRealTimers();
  });
  const fakeTimers = () => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'performance'] });

  it('keeps no timer for what an answer that comes later says is due', async () => {
    fakeTimers();
    const { scripted, first, second } = await startBoth();
    await scripted.worker.close();
    await first.answer({ fence: 1, nextDueAt: scripted.now + 3_600_000 });
    await second.answer({ fence: 1, nextDueAt: scripted.now + 3_600_000 });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('waits for neither lane that was to try again later', async () => {
    fakeTimers();
    const { scripted, first, second } = await startBoth();
    first.fail();
    second.fail();
    await settled();
    expect(jest.getTimerCount()).toBeGreaterThanOrEqual(2);
    await scripted.worker.close();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a worker that drains', () => {
  it('passes a wake-up on, once, by the turn that takes it off the list', async () => {
    const scripted = start();
    await (await scripted.nth(1)).answer({ fence: 1, jobs: [scripted.job('a', 1)] }); // with room: it is listed
    scripted.worker.stopReserving();
    scripted.worker.wake();
    const passing = await scripted.nth(2);
    expect(passing.turn).toMatchObject({ want: 0, listed: true, settlements: [] });
    await passing.answer({ fence: 1, backlog: true });
    scripted.worker.wake();
    await settled();
    expect(scripted.turns.messages).toHaveLength(2);
  });
});

describe('what worker and store hold', () => {
  it('is never compared beside a turn of either lane', async () => {
    const { scripted, first, second } = await startBoth();
    scripted.worker.reconcile();
    await first.answer({ fence: 1 });
    expect(scripted.reconciles.messages).toHaveLength(0);
    await second.answer({ fence: 1 });
    const [reconcile] = await scripted.reconciles.first(1);
    expect(reconcile.held.map(({ id }) => id).sort()).toEqual(['a6', 'a7', 'a8', 'a9']);
    await scripted.end('a6', 'a7', 'a8', 'a9');
    expect(scripted.turns.messages).toHaveLength(4);
    await reconcile.answer({ fence: 1 });
    expect((await scripted.nth(5)).turn.settlements).toHaveLength(4);
  });

  it('is compared before a further turn begins, however much has ended', async () => {
    const scripted = await startFull();
    await scripted.end('a0');
    const turn = await scripted.nth(3);
    scripted.worker.reconcile();
    await scripted.end('a1', 'a2', 'a3', 'a4', 'a5');
    expect(scripted.turns.messages).toHaveLength(3);
    await turn.answer({ fence: 1 });
    const [reconcile] = await scripted.reconciles.first(1);
    // Those that have ended and are not settled are held, too.
    expect(reconcile.held).toHaveLength(9);
    await reconcile.answer({ fence: 1 });
    expect((await scripted.nth(4)).turn.settlements).toHaveLength(5);
  });
});

describe('a suspect', () => {
  it('is asked for once nothing else runs, and runs alone', async () => {
    const scripted = await startFull(6);
    await scripted.end('a0');
    const first = await scripted.nth(3);
    await first.answer({ fence: 1, suspects: true });
    expect(first.turn.alone).toBe(false);
    await scripted.end('a1', 'a2', 'a3', 'a4');
    const clearing = await scripted.nth(4);
    expect(clearing.turn).toMatchObject({ alone: false, want: 0 });
    await scripted.end('a5');
    await clearing.answer({ fence: 1, suspects: true });
    const asking = await scripted.nth(5);
    expect(asking.turn).toMatchObject({ lane: 0, alone: true, want: 1 });
    await asking.answer({ fence: 2, jobs: [scripted.job('suspect', 2, { crashes: 2 })] });
    const beside = await scripted.nth(6);
    expect(beside.turn.want).toBe(0);
    await beside.answer({ fence: 2, backlog: true });
    await scripted.end('suspect');
    expect((await scripted.nth(7)).turn.want).toBe(6);
    expect(scripted.started.at(-1)).toBe('suspect');
  });
});
