import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Broker, HeldJob, RunReport } from '../../src/core/broker.js';
import { jsonCodec } from '../../src/core/codec.js';
import { Reporter } from '../../src/worker/reporter.js';
import type { RunningJob } from '../../src/worker/running-job.js';

interface OpenCall {
  reports: readonly RunReport[];
  answer(lost?: string[]): Promise<void>;
  fail(): Promise<void>;
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
  const broker = {
    report: (_queue: string, reports: readonly RunReport[]) =>
      new Promise<{ lost: string[] }>((resolve, reject) => {
        const answer = (ids: string[] = []) => {
          resolve({ lost: ids });
          return settled();
        };
        const fail = () => {
          reject(new Error('no answer'));
          return settled();
        };
        calls.push({ reports, answer, fail });
      }),
  } as unknown as Broker;
  const reporter = new Reporter(broker, 'mail', jsonCodec, 1024 * 1024, undefined, (jobs) => lost.push(...jobs));
  return { reporter, calls, lost };
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
