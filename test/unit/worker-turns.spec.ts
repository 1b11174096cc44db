import { afterEach, describe, expect, it } from '@jest/globals';
import type { Store } from '../../src/core/ports/store.js';
import type { Reservation, WorkerTurn } from '../../src/core/ports/worker-store.js';
import { jsonCodec } from '../../src/core/codec.js';
import { DEFAULTS } from '../../src/options/options.js';
import { HandlerTable } from '../../src/worker/handler-plan.js';
import { Worker } from '../../src/worker/worker.js';
import { emptyReservation } from '../support/empty-reservation.js';
import { MessageLog } from '../support/message-log.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedWorker } from '../support/scripted-worker.js';

const NOTHING = emptyReservation(1_800_000_000_000);

interface Turn {
  turn: WorkerTurn;
  answer(reservation?: Partial<Reservation>): void;
}

let worker: Worker | undefined;
afterEach(() => worker?.close());

/** A worker whose turns are answered when the test says so. */
function start() {
  const turns = new MessageLog<Turn>();
  const store = {
    connection: { now: () => NOTHING.now },
    workers: {
      settleAndReserve: (_queue: string, turn: WorkerTurn) =>
        new Promise<Reservation>((resolve) => {
          turns.listener({ turn, answer: (given) => resolve({ ...NOTHING, ...given }) });
        }),
    },
  } as unknown as Store;
  worker = new Worker({
    store,
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
  const nth = async (count: number): Promise<Turn> => (await turns.first(count))[count - 1];
  return { worker, turns, nth };
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
    expect(asked.turn.want).toBe(0);
    asked.answer({ paused: false });
    expect((await nth(4)).turn.want).toBeGreaterThan(0);
  });

  it('is resumed also when an older answer comes behind the signal', async () => {
    const { worker, nth } = start();
    const first = await nth(1);
    worker.pause();
    worker.resume();
    first.answer({ paused: true });
    expect((await nth(2)).turn.want).toBeGreaterThan(0);
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
    const { turn, answer } = await nth(2);
    expect(turn.want).toBe(0);
    answer({ paused: true });
    await probe;
  });

  it('ends with the worker', async () => {
    const { worker, nth } = start();
    await nth(1);
    const probe = worker.probe();
    worker.close();
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
    scripted.worker.close();
  });
});
