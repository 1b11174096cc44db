import { describe, expect, it, jest } from '@jest/globals';
import type { Connection } from '../../src/core/ports/connection.js';
import { TaskQueueHealth } from '../../src/worker/task-queue-health.js';

/** Two workers whose last answers are this old; `answers` says what a probe does. */
function make(ages: Record<string, number | undefined>, answers: 'at once' | 'never' = 'at once') {
  const at = new Map(Object.entries(ages).map(([queue, age]) => [queue, age && performance.now() - age]));
  const probed: string[] = [];
  const supervisor = {
    phase: 'running' as 'starting' | 'running' | 'stopping',
    queues: [...at.keys()],
    lastAnsweredAt: (queue: string) => at.get(queue),
    probe: async (queue: string) => {
      probed.push(queue);
      if (answers === 'never') return new Promise<void>(() => {});
      at.set(queue, performance.now());
      return undefined;
    },
  };
  const examine = jest.fn<Connection['examine']>();
  let hasWorkers = true;
  const health = new TaskQueueHealth({ examine }, supervisor, () => hasWorkers);
  return { health, supervisor, probed, examine, onlyEnqueues: () => (hasWorkers = false) };
}

describe('readiness', () => {
  it('takes a fresh answer as it is', async () => {
    const { health, probed } = make({ mail: 100, files: 200 });
    const { ready, reason, workers } = await health.readiness();
    expect({ ready, reason }).toEqual({ ready: true, reason: undefined });
    expect(workers.map(({ queue, ready }) => [queue, ready])).toEqual([
      ['mail', true],
      ['files', true],
    ]);
    expect(probed).toEqual([]);
  });

  it('makes an idle worker ask', async () => {
    const { health, probed } = make({ mail: 60_000, files: 100 });
    expect((await health.readiness()).ready).toBe(true);
    expect(probed).toEqual(['mail']);
  });

  it('is over when the store answers no more', async () => {
    const { health } = make({ mail: 10_000, files: 100 }, 'never');
    expect(await health.readiness()).toMatchObject({
      ready: false,
      reason: 'the store has not answered the worker of mail within 10000 ms',
      workers: [
        { queue: 'mail', ready: false },
        { queue: 'files', ready: true },
      ],
    });
    expect((await health.readiness({ within: '1m' })).ready).toBe(true);
  });

  it('waits for the first answer of every worker', async () => {
    const { health } = make({ mail: undefined }, 'never');
    expect(await health.readiness()).toMatchObject({ ready: false, workers: [{ answeredMsAgo: undefined }] });
  });

  it.each([
    ['starting', /not started/],
    ['stopping', /closing/],
  ] as const)('is not there while %s', async (phase, reason) => {
    const { health, supervisor } = make({ mail: 1 });
    supervisor.phase = phase;
    expect(await health.readiness()).toMatchObject({ ready: false, reason: expect.stringMatching(reason) });
  });

  it('of a process that only enqueues asks the store', async () => {
    const { health, examine, onlyEnqueues } = make({});
    onlyEnqueues();
    examine.mockRejectedValueOnce(new Error('away'));
    expect(await health.readiness()).toMatchObject({ ready: false, workers: [] });
    examine.mockResolvedValue({} as never);
    expect(await health.readiness()).toEqual({ ready: true, reason: undefined, workers: [] });
    await health.readiness();
    expect(examine).toHaveBeenCalledTimes(2);
  });

  it('refuses options it does not know', async () => {
    const { health } = make({ mail: 1 });
    await expect(health.readiness({ whithin: '5s' } as object)).rejects.toThrow(/Did you mean "within"/);
    await expect(health.readiness({ within: 10 })).rejects.toThrow(/at least 1000 ms/);
  });
});
