import { describe, expect, it } from '@jest/globals';
import type { Settlement } from '../../src/core/broker.js';
import { jsonCodec } from '../../src/core/codec.js';

import { decodeEnvelope, encodeEnvelope, type EnvelopeHeader } from '../../src/core/envelope.js';
import type { ErrorRecord } from '../../src/core/job.js';
import { DEFAULTS } from '../../src/options/options.js';
import { HandlerTable } from '../../src/worker/handler-plan.js';
import { UnrecoverableError } from '../../src/worker/control-flow.errors.js';
import { isSettlement, JobRunner } from '../../src/worker/job-runner.js';

const NOW = 1_800_000_000_000;

/** The runs of one queue's worker, whose clock stands where the test puts it; the handler throws. */
class Runs {
  now = NOW;
  thrown: () => unknown = () => new TypeError('no');
  private readonly runner: JobRunner;

  constructor() {
    const invoke = () => {
      throw this.thrown();
    };
    const handler = { queue: 'mail', name: 'default', label: 'Mail.send', invoke };
    this.runner = new JobRunner({
      queue: 'mail',
      handlers: new HandlerTable([{ handler, settings: { ...DEFAULTS.job, maxAttempts: 3 } }]),
      codec: jsonCodec,
      backoffs: {},
      resultLimit: 1000,
      fallback: DEFAULTS.job,
      now: () => this.now,
      sink: { progress() {}, log() {}, show: (value) => value },
      observer: { failed() {} },
      logger: { warn() {}, debug() {} },
    });
  }

  async run(header: EnvelopeHeader = {}): Promise<Settlement> {
    const envelope = encodeEnvelope(NOW, undefined, header, '1');
    return this.runStored(envelope);
  }

  async runStored(envelope: string): Promise<Settlement> {
    const prepared = this.runner.prepare({ id: '1', token: 'w1:1', fence: 1, envelope, crashes: 0 });
    if (isSettlement(prepared)) return prepared;
    return new Promise((resolve) => this.runner.run(prepared, (_job, settlement) => resolve(settlement)));
  }

  /** The newest errors of so many jobs that fail for the first time. */
  async errorsOf(jobs: number): Promise<ErrorRecord[]> {
    const settlements = await Promise.all(Array.from({ length: jobs }, () => this.run()));
    return settlements.map((settlement) => newestOf(settlement, 'retry'));
  }
}

function envelopeOf(settlement: Settlement, op: 'retry' | 'bury'): string {
  if (settlement.op !== op || settlement.envelope === undefined) throw new Error(`It is ${settlement.op}`);
  return settlement.envelope;
}

function newestOf(settlement: Settlement, op: 'retry' | 'bury'): ErrorRecord {
  const { header } = decodeEnvelope(envelopeOf(settlement, op));
  return header.e?.at(-1) as ErrorRecord;
}

const STACK = /^TypeError: no\n/;

describe('the stacks of jobs that fail', () => {
  it('are written for the first hundred runs of a second that will be repeated', async () => {
    const runs = new Runs();
    const records = await runs.errorsOf(130);
    records.slice(0, 100).forEach(({ stack }) => expect(stack).toMatch(STACK));
    expect(records.slice(100)).toEqual(
      Array.from({ length: 30 }, () => ({ attempt: 1, at: NOW, name: 'TypeError', message: 'no' })),
    );
    runs.now += 1000;
    expect((await runs.errorsOf(1))[0].stack).toMatch(STACK);
  });

  it('are each told of on the next run, with or without one', async () => {
    const runs = new Runs();
    const first = envelopeOf(await runs.run(), 'retry');
    await runs.errorsOf(100);
    const second = envelopeOf(await runs.runStored(first), 'retry');
    const last = envelopeOf(await runs.runStored(second), 'bury');
    const { e } = decodeEnvelope(last).header;
    expect(e?.map(({ attempt, stack }) => [attempt, stack !== undefined])).toEqual([
      [1, true],
      [2, false],
      [3, true],
    ]);
  });

  it.each<[string, EnvelopeHeader, () => unknown, RegExp]>([
    ['has no attempts left', { a: 3 }, () => new TypeError('no'), STACK],
    ['says so', {}, () => new UnrecoverableError('never'), /^UnrecoverableError: never\n/],
  ])(
    'are written where the job dies because it %s, whatever was written before',
    async (_why, header, thrown, stack) => {
      const runs = new Runs();
      await runs.errorsOf(150);
      runs.thrown = thrown;
      for (let job = 0; job < 3; job++) expect(newestOf(await runs.run(header), 'bury').stack).toMatch(stack);
    },
  );

  it('are not counted for jobs that die', async () => {
    const runs = new Runs();
    for (let job = 0; job < 150; job++) newestOf(await runs.run({ a: 3 }), 'bury');
    const records = await runs.errorsOf(101);
    expect(records.filter(({ stack }) => stack !== undefined)).toHaveLength(100);
  });

  it('are counted for each queue of a process alone', async () => {
    await new Runs().errorsOf(150);
    expect((await new Runs().errorsOf(1))[0].stack).toMatch(STACK);
  });
});
