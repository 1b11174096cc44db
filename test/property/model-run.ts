import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { ModelledQueue } from './modelled-queue.js';
import { queueCommands } from './queue-commands.js';
import { ANY } from './command.js';
import { QueueModel } from './queue-model.js';
import type { ModelledStore } from './stores.js';

export interface RunPlan {
  runs: number;
  maxCommands: number;
}

/** Inboxes are plain lists, of any prefix: no other process may have one of this name. */
const own = randomBytes(4).toString('hex');
let queues = 0;

/** A fresh queue of a store, and the model of an empty one. */
export function freshQueue(store: ModelledStore): { model: QueueModel; real: ModelledQueue } {
  return { model: new QueueModel(store.now()), real: new ModelledQueue(store, `q-${own}-${++queues}`) };
}

/**
 * Runs random commands against a store and the model. A failure prints the shortest sequence found, its seed and path:
 * run it again with `FC_SEED=… FC_PATH=… FC_REPLAY=…` (the `replayPath` of the sequence); `FC_RUNS=1000` looks longer.
 */
export async function expectToFollowTheModel(store: ModelledStore, plan: RunPlan): Promise<void> {
  const property = fc.asyncProperty(fc.commands(queueCommands(ANY), commandsOf(plan)), async (commands) => {
    const { model, real } = freshQueue(store);
    try {
      await fc.asyncModelRun(() => ({ model, real }), commands);
    } finally {
      await real.close();
    }
  });
  await fc.assert(property, parametersOf(plan));
}

export function commandsOf({ maxCommands }: RunPlan): fc.CommandsContraints {
  return { maxCommands, size: 'max', replayPath: process.env.FC_REPLAY };
}

export function parametersOf<T>({ runs }: RunPlan): fc.Parameters<T> {
  const { FC_SEED, FC_RUNS, FC_PATH } = process.env;
  return {
    numRuns: FC_RUNS === undefined ? runs : Number(FC_RUNS),
    ...(FC_SEED === undefined ? {} : { seed: Number(FC_SEED) }),
    ...(FC_PATH === undefined ? {} : { path: FC_PATH }),
    includeErrorInReport: true,
  };
}
