import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { HeldJob, RunReport, WorkerSession } from '../../src/core/ports/worker-store.js';
import { jsonCodec } from '../../src/core/codec.js';
import { BrokerRefusedError } from '../../src/core/errors/store-errors.js';
import { Reporter } from '../../src/worker/reporter.js';
import type { RunningJob } from '../../src/worker/running-job.js';
import { RecordingLogger } from '../support/recording-logger.js';

interface OpenCall {
  reports: readonly RunReport[];
  answer(lost?: string[]): Promise<void>;
  fail(error?: Error): Promise<void>;
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A reporter whose calls are answered when the test says so. */
function start() {
  const calls: OpenCall[] = [];
  const lost: HeldJob[] = [];
  const session: Pick<WorkerSession, 'report'> = {
    report: (reports: readonly RunReport[]) =>
      new Promise<{ lost: string[] }>((resolve, reject) => {
        const answer = (ids: string[] = []) => {
          resolve({ lost: ids });
          return settled();
        };
        const fail = (error = new Error('no answer')) => {
          reject(error);
          return settled();
        };
        calls.push({ reports, answer, fail });
      }),
  };
  const logger = new RecordingLogger();
  const reporter = new Reporter(
    session,
    'mail',
    jsonCodec,
    1024 * 1024,
    undefined,
    (jobs) => lost.push(...jobs),
    logger,
  );
  return { reporter, calls, lost, logger };
}

function jobsOf(count: number): RunningJob[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `j${index}`;
    return { id, number: id, name: 'default', token: 'w1:1', ended: false } as unknown as RunningJob;
  });
}

const idsOf = ({ reports }: OpenCall) => reports.map(({ id }) => id);

async function pass(): Promise<void> {
  jest.advanceTimersByTime(100);
  await settled();
}

describe('what running jobs report', () => {
  it('goes in steps of a few jobs, one after the other', async () => {
    const { reporter, calls } = start();
    const jobs = jobsOf(50);
    for (const job of jobs) reporter.log(job, 'a');
    expect(calls).toHaveLength(0);
    await pass();
    expect(calls.map(({ reports }) => reports.length)).toEqual([20]);
    await calls[0].answer();
    expect(calls).toHaveLength(2);
    await calls[1].answer();
    await calls[2].answer();
    expect(calls.map(({ reports }) => reports.length)).toEqual([20, 20, 10]);
    expect(calls.flatMap(idsOf)).toEqual(jobs.map(({ id }) => id));
    await pass();
    expect(calls).toHaveLength(3);
  });

  it('goes in steps of some text', async () => {
    const { reporter, calls } = start();
    for (const job of jobsOf(4)) reporter.progress(job, 'x'.repeat(200_000));
    await pass();
    expect(calls.map(idsOf)).toEqual([['j0', 'j1']]);
    await calls[0].answer();
    expect(calls.map(idsOf)).toEqual([
      ['j0', 'j1'],
      ['j2', 'j3'],
    ]);
  });

  it('goes in smaller steps the longer the logs are that are stored already', async () => {
    const { reporter, calls } = start();
    const jobs = jobsOf(4);
    for (const job of jobs) for (let line = 0; line < 60; line++) reporter.log(job, 'x'.repeat(1000));
    await pass();
    expect(calls.map(idsOf)).toEqual([['j0', 'j1', 'j2', 'j3']]);
    await calls[0].answer();
    for (const job of jobs) for (let line = 0; line < 30; line++) reporter.log(job, 'x'.repeat(1000));
    await pass();
    expect(calls.slice(1).map(idsOf)).toEqual([['j0', 'j1', 'j2']]);
  });

  it('is the last value, and every line until its step goes', async () => {
    const { reporter, calls } = start();
    const jobs = jobsOf(21);
    for (const job of jobs) reporter.log(job, 'a');
    await pass();
    reporter.progress(jobs[20], 1);
    reporter.progress(jobs[20], 2);
    reporter.log(jobs[20], 'b');
    reporter.log(jobs[0], 'b');
    await calls[0].answer();
    expect(calls[1].reports).toEqual([{ id: 'j20', token: 'w1:1', progress: '2', logs: ['a', 'b'] }]);
    await calls[1].answer();
    // What came behind its step waits for the next round.
    expect(calls).toHaveLength(2);
    await pass();
    expect(calls[2].reports).toEqual([{ id: 'j0', token: 'w1:1', progress: undefined, logs: ['b'] }]);
  });

  it('goes on when a step fails, and tells of the runs that are lost', async () => {
    const { reporter, calls, lost } = start();
    const jobs = jobsOf(60);
    for (const job of jobs) reporter.log(job, 'a');
    await pass();
    await calls[0].fail();
    await calls[1].answer(['j21']);
    await calls[2].fail();
    expect(lost.map(({ id }) => id)).toEqual(['j21']);
    reporter.log(jobs[0], 'b');
    await pass();
    expect(calls[3].reports.map(({ logs }) => logs)).toEqual([['b']]);
  });

  it('goes at once before the run is settled, also while a step is under way, and once', async () => {
    const { reporter, calls } = start();
    const jobs = jobsOf(70);
    for (const job of jobs) reporter.log(job, 'a');
    await pass();
    for (const job of jobs.slice(30)) job.ended = true;
    reporter.flush();
    expect(calls.map(({ reports }) => reports.length)).toEqual([20, 20, 20]);
    expect(calls.slice(1).flatMap(idsOf)).toEqual(jobs.slice(30).map(({ id }) => id));
    await calls[0].answer();
    expect(idsOf(calls[3])).toEqual(jobs.slice(20, 30).map(({ id }) => id));
    await calls[3].answer();
    expect(calls).toHaveLength(4);
  });

  describe('that is refused for its size', () => {
    const refusal = new BrokerRefusedError('ERR', 'max request size exceeded');

    it('goes in parts until what is refused is alone: that is told once for its job, and the rest is stored', async () => {
      const { reporter, calls, logger, lost } = start();
      const jobs = jobsOf(3);
      for (const job of jobs) reporter.log(job, 'a');
      reporter.progress(jobs[1], 'x'.repeat(60_000));
      const isTooLarge = ({ reports }: OpenCall) => reports.some(({ progress = '' }) => progress.length > 1000);
      await pass();
      for (let at = 0; at < calls.length; at++)
        await (isTooLarge(calls[at]) ? calls[at].fail(refusal) : calls[at].answer());
      const stored = calls.filter((call) => !isTooLarge(call)).flatMap(({ reports }) => reports);
      expect(stored.map(({ id, logs }) => [id, logs])).toEqual(['j0', 'j1', 'j2'].map((id) => [id, ['a']]).toSorted());
      reporter.progress(jobs[1], 'y'.repeat(60_000));
      await pass();
      await calls.at(-1)?.fail(refusal);
      expect(logger.lines).toEqual([
        expect.stringMatching(
          /Progress of job "j1" \(default\) in queue "mail" is not stored.*max request size exceeded/,
        ),
      ]);
      expect(lost).toEqual([]);
    });

    it('divides many lines in order, and begins smaller from then on, so that they come before the end of their run', async () => {
      const { reporter, calls, logger } = start();
      const [first, second] = jobsOf(2);
      const lines = Array.from({ length: 60 }, (_, line) => `${line} ${'x'.repeat(950)}`);
      const size = ({ reports }: OpenCall) => reports.reduce((sum, { logs }) => sum + logs.join('').length, 0);
      for (const line of lines) reporter.log(first, line);
      await pass();
      for (let at = 0; at < calls.length; at++)
        await (size(calls[at]) > 40_000 ? calls[at].fail(refusal) : calls[at].answer());
      const stored = calls.filter((call) => size(call) <= 40_000).flatMap(({ reports }) => reports);
      expect(stored.flatMap(({ logs }) => logs)).toEqual(lines);
      for (const line of lines) reporter.log(second, line);
      second.ended = true;
      calls.length = 0;
      reporter.flush();
      expect(Math.max(...calls.map(size))).toBeLessThanOrEqual(40_000);
      expect(calls.flatMap(({ reports }) => reports.flatMap(({ logs }) => logs))).toEqual(lines);
      expect(logger.lines).toEqual([]);
    });

    it('is told where its run was settled before its parts came', async () => {
      const { reporter, calls, logger, lost } = start();
      const [job] = jobsOf(1);
      reporter.log(job, 'a');
      reporter.progress(job, 1);
      job.ended = true;
      reporter.flush();
      await calls[0].fail(refusal);
      await calls[1].answer(['j0']);
      await calls[2].answer(['j0']);
      expect(logger.lines).toEqual([expect.stringMatching(/job "j0".*is not stored/)]);
      expect(lost).toEqual([]);
    });
  });

  it('ends with the worker', async () => {
    const { reporter, calls } = start();
    for (const job of jobsOf(50)) reporter.log(job, 'a');
    await pass();
    reporter.close();
    await calls[0].answer();
    await pass();
    expect(calls).toHaveLength(1);
  });
});
