import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeEnvelope } from '../../src/core/envelope.js';
import { JOB_STATES } from '../../src/core/job.js';
import { EXACT, type Command } from './command.js';
import { queueCommands } from './queue-commands.js';
import { commandsOf, freshQueue, parametersOf } from './model-run.js';
import type { ModelledQueue } from './modelled-queue.js';
import type { QueueModel } from './queue-model.js';
import { openMemoryStore, openRedisStore } from './stores.js';

type Models = readonly QueueModel[];
type Queues = readonly ModelledQueue[];

/** The same command on each store beside its own model; then both models must tell the same, but for what ids look like. */
class OnBoth implements fc.AsyncCommand<Models, Queues> {
  constructor(private readonly command: Command) {}

  check(): boolean {
    return true;
  }

  async run(models: Models, queues: Queues): Promise<void> {
    for (const [index, model] of models.entries()) await this.command.run(model, queues[index]);
    expect(portraitOf(models[1])).toEqual(portraitOf(models[0]));
  }

  toString(): string {
    return this.command.toString();
  }
}

/** Everything a model knows, with jobs named by the order in which they came. */
function portraitOf(model: QueueModel) {
  const numbers = new Map([...model.known].map((id, index) => [id, index]));
  const states = JOB_STATES.map((state) => {
    const jobs = model.inState(state).map((job) => {
      const { id, token, envelope, place: _place, ...rest } = job;
      const { enqueuedAt: _at, ...told } = decodeEnvelope(envelope);
      return { ...rest, ...told, number: numbers.get(id), running: token !== '' };
    });
    return [state, jobs];
  });
  return { ...Object.fromEntries(states), leases: [...model.leases], fence: model.fence, rules: model.rules.all() };
}

it('memory and redis do the same', async () => {
  const stores = [await openMemoryStore(), await openRedisStore()];
  const plan = { runs: 12, maxCommands: 200 };
  const commands = fc.commands(
    queueCommands(EXACT).map((one) => one.map((command) => new OnBoth(command))),
    commandsOf(plan),
  );
  const property = fc.asyncProperty(commands, async (sequence) => {
    // A failure may have left one clock behind the other.
    const latest = Math.max(...stores.map((store) => store.now()));
    for (const store of stores) await store.advance(latest - store.now());
    const fresh = stores.map(freshQueue);
    try {
      const real = fresh.map((each) => each.real);
      await fc.asyncModelRun(() => ({ model: fresh.map((each) => each.model), real }), sequence);
    } finally {
      for (const { real } of fresh) await real.close();
    }
  });
  try {
    await fc.assert(property, parametersOf(plan));
  } finally {
    for (const store of stores) await store.close();
  }
}, 3_600_000);
