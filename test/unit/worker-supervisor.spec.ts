import { expect, it, jest } from '@jest/globals';
import type { Store } from '../../src/core/ports/store.js';
import type { SessionPlan } from '../../src/core/ports/worker-store.js';
import { jsonCodec } from '../../src/core/codec.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import type { ResolvedOptions } from '../../src/options/options.js';
import { WorkerSupervisor } from '../../src/worker/worker-supervisor.js';
import { FakeSession } from '../support/fake-session.js';
import { RecordingLogger } from '../support/recording-logger.js';

it('leaves no heartbeat behind where a subscription fails', async () => {
  const heartbeat = { holds: jest.fn(), stop: jest.fn(() => Promise.resolve()) };
  const store = {
    notices: { onSignal: () => Promise.reject(new Error('no subscription')) },
    workers: { openSession: (plan: SessionPlan) => new FakeSession(plan, 0), startHeartbeat: () => heartbeat },
  };
  const supervisor = new WorkerSupervisor({
    store: store as unknown as Store,
    options: {
      codec: jsonCodec,
      backoffs: {},
      payloadLimit: 1000,
      defaults: {},
      queues: {},
    } as unknown as ResolvedOptions,
    handlersOf: () => [],
    workerOptionsOf: () => ({ ...DEFAULTS.worker }),
    processorJobOptionsOf: () => undefined,
    inboxOf: () => undefined,
    logger: new RecordingLogger(),
  });
  await expect(supervisor.start(['mail'])).rejects.toThrow('no subscription');
  expect(heartbeat.stop).toHaveBeenCalledTimes(1);
});
