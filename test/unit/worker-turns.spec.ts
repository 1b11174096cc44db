import { afterEach, describe, expect, it } from '@jest/globals';
import { jsonCodec } from '../../src/core/codec.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import { HandlerTable } from '../../src/worker/handler-plan.js';
import { Worker } from '../../src/worker/worker.js';
import { FakeSession } from '../support/fake-session.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedWorker } from '../support/scripted-worker.js';

const NOW = 1_800_000_000_000;

let worker: Worker | undefined;
afterEach(() => worker?.close());

/** A worker whose turns are answered when the test says so. */
function start() {
  let session!: FakeSession;
  worker = new Worker({
    openSession: (plan) => (session = new FakeSession(plan, NOW)),
    now: () => NOW,
    queue: 'mail',
    workerId: 'w1',
    handlers: new HandlerTable([]),
    codec: jsonCodec,
    redactor: undefined,
    backoffs: {},
    resultLimit: 1000,
    payloadLimit: 1000,
    fallback: DEFAULTS.job,
    settings: DEFAULTS.worker,
    logger: new RecordingLogger(),
  });
  worker.start(undefined);
  const { turns } = session;
  return { worker, turns, nth: (count: number) => session.nth(count) };
}

describe('a paused worker', () => {
  it('asks for nothing, and asks with every wake-up whether it still is paused', async () => {
    const { worker, nth, turns } = start();
    (await nth(1)).answer({ paused: true });
    const probe = worker.probe();
    (await nth(2)).answer({ paused: true });
    await probe;
    await new Promise(setImmediate);
    expect(turns.messages.length).toBe(2);
    worker.wake();
    const asked = await nth(3);
    expect(asked.request.want).toBe(0);
    asked.answer({ paused: false });
    expect((await nth(4)).request.want).toBeGreaterThan(0);
  });

  it('is resumed also when an older answer comes behind the signal', async () => {
    const { worker, nth } = start();
    const first = await nth(1);
    worker.pause();
    worker.resume();
    first.answer({ paused: true });
    expect((await nth(2)).request.want).toBeGreaterThan(0);
  });
});

describe('a probe', () => {
  it('is a turn of an idle worker', async () => {
    const { worker, nth } = start();
    expect(worker.lastAnsweredAt).toBeUndefined();
    (await nth(1)).answer();
    const probe = worker.probe();
    (await nth(2)).answer();
    await probe;
    expect(worker.lastAnsweredAt).toBeGreaterThan(0);
  });

  it('asks for no jobs while the queue is paused', async () => {
    const { worker, nth } = start();
    (await nth(1)).answer({ paused: true });
    await Promise.resolve();
    const probe = worker.probe();
    const { request, answer } = await nth(2);
    expect(request.want).toBe(0);
    answer({ paused: true });
    await probe;
  });

  it('ends with the worker', async () => {
    const { worker, nth } = start();
    await nth(1);
    const probe = worker.probe();
    await worker.close();
    await probe;
    await worker.probe();
  });
});

describe('a worker whose store refuses every call', () => {
  it('is drained with the failure of its turn when it holds nothing', async () => {
    const scripted = new ScriptedWorker();
    scripted.worker.start(undefined);
    const [first] = await scripted.turns.first(1);
    first.fail(new Error('away'));
    await scripted.turns.first(2);
    scripted.worker.stopReserving();
    scripted.turns.messages[1].fail(new Error('away'));
    await scripted.worker.drained();
    expect(scripted.turns.messages).toHaveLength(2);
    await scripted.worker.close();
  });
});
