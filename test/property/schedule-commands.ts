import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import type { ScheduledJob } from '../../src/core/ports/timetable.js';
import { command, newJob, priorities } from './command.js';
import type { ModelledQueue } from './modelled-queue.js';
import type { QueueModel } from './queue-model.js';

/** The last one is made at run time, most often. */
const names = fc.constantFrom('digest', 'nightly', 'made');
const hashes = fc.constantFrom('h1', 'h1', 'h1', 'h2');
const comings = fc.constantFrom(undefined, 0, 0, 1000, 60_000);
const jitters = fc.constantFrom(undefined, undefined, 500);
const apps = fc.constantFrom('shop', 'shop', 'an office');

function next(model: QueueModel, inMs: number | undefined, jitterMs: number | undefined) {
  if (inMs === undefined) return { nextTick: undefined };
  const nextTick = model.now + inMs;
  return jitterMs === undefined ? { nextTick } : { nextTick, lookAt: nextTick + jitterMs };
}

const uniques = fc.constantFrom(
  ...[{}, {}, {}, { uniqueKey: 'resize one' }, { uniqueKey: 'resize one', freeWhileRunning: true }],
);
type Uniqueness = Pick<ScheduledJob, 'uniqueKey' | 'freeWhileRunning'>;

function jobOf(
  model: QueueModel,
  { name, priority, unique }: { name: string; priority: number; unique: Uniqueness },
  userId: string,
  scheduledFor: number,
): ScheduledJob {
  return { ...newJob(model, { userId, name, priority, ...unique }), userId, scheduledFor };
}

/** Jobs that a fire has just put into the store: known there by their user ids alone. */
async function takeIn(
  queue: ModelledQueue,
  model: QueueModel,
  name: string,
  jobs: readonly ScheduledJob[],
  missed = 0,
) {
  for (const [index, job] of jobs.entries()) {
    const [stored] = await queue.store.curation.read(queue.name, [job.userId]);
    const id = String(stored?.id);
    if (!model.jobs.has(id)) {
      queue.expectNew([id]);
      model.adopt(id, job);
    }
    model.rules.ran(name, job.scheduledFor, id, index === jobs.length - 1 ? missed : 0);
  }
}

async function expectRuns(queue: ModelledQueue, model: QueueModel, name: string): Promise<void> {
  const runs = model.rules.rules.get(name)?.runs ?? [];
  expect(await queue.store.timetable.history(queue.name, name, 10)).toEqual(runs);
}

const losses = fc.constantFrom(false, false, true);
const registrations = fc.record({
  ...{ name: names, specHash: hashes, inMs: comings, jitterMs: jitters, app: apps },
  losesTick: losses,
});

export const register = command('register', registrations, async (queue, model, { name, inMs, jitterMs, ...data }) => {
  const { specHash, losesTick } = data;
  const app = name === 'made' && specHash === 'h1' ? undefined : data.app;
  const schedule = { name, specHash, spec: `{"rule":"${specHash}"}`, app, losesTick, ...next(model, inMs, jitterMs) };
  expect(await queue.store.timetable.register(queue.name, schedule)).toBe(model.rules.register(schedule));
});

const fires = fc.record({
  name: names,
  specHash: hashes,
  off: fc.constantFrom(0, 0, 0, 0, 1),
  priority: priorities,
  inMs: fc.constantFrom(undefined, 0, 1000, 1000, 60_000),
  jitterMs: jitters,
  jobs: fc.constantFrom(0, 1, 1, 1, 1, 3, 12),
  missed: fc.constantFrom(0, 0, 7),
  overlap: fc.constantFrom('allow', 'skip', 'queue-one'),
  pauseOnFailure: fc.boolean(),
  limit: fc.constantFrom(undefined, undefined, 2, 15),
  unique: uniques,
  atOnce: fc.constantFrom(false, false, true),
});

/** An instance fires what it thinks is due: rightly, too late, too early, or by an old rule. */
export const fire = command('fire', fires, async (queue, model, { name, off, inMs, jitterMs, ...data }) => {
  const { now, due, nextLookAt } = await queue.store.timetable.due(queue.name, 10);
  const expected = model.rules.due();
  expect(now).toBe(model.now);
  expect(due).toEqual(
    expected.map(({ specHash, spec, nextTick, fired, ...rule }) => ({
      ...{ name: rule.name, specHash, spec, tick: nextTick, fired },
    })),
  );
  if (expected.length === 0) expect(nextLookAt).toBe(model.rules.nextLookAt());
  const tick = (model.rules.rules.get(name)?.nextTick ?? model.now) + off;
  const jobs = Array.from({ length: data.jobs }, (_, index) => {
    const at = tick - (data.jobs - 1 - index);
    return jobOf(model, { name, ...data }, `cron~${name}~${at}`, at);
  });
  const sent = { ...data, name, tick, jobs, ...next(model, inMs, jitterMs) };
  const { answer, ...made } = model.rules.fire(sent);
  expect(await queue.store.timetable.fire(queue.name, [sent])).toEqual([answer]);
  await takeIn(queue, model, name, made.jobs, made.missed);
  await expectRuns(queue, model, name);
});

const announcements = fc.record({
  app: apps,
  held: fc.array(fc.record({ name: names, specHash: hashes }), { maxLength: 3 }),
});

export const announce = command('announce', announcements, async (queue, model, { app, held }) => {
  expect(await queue.store.timetable.announce(queue.name, app, held)).toEqual(model.rules.announce(app, held));
});

export const pauseRule = command('pauseSchedule', names, async (queue, model, name) => {
  expect(await queue.store.timetable.pause(queue.name, name)).toBe(model.rules.pause(name));
});

const resumptions = fc.record({ name: names, specHash: hashes, inMs: comings, jitterMs: jitters });

export const resumeRule = command('resumeSchedule', resumptions, async (queue, model, { name, specHash, ...data }) => {
  const coming = next(model, data.inMs, data.jitterMs);
  const answer = model.rules.resume(name, specHash, coming);
  expect(await queue.store.timetable.resume(queue.name, name, specHash, coming)).toBe(answer);
});

const runs = fc.record({ name: names, specHash: hashes, priority: priorities, unique: uniques });

export const runNow = command('runScheduleNow', runs, async (queue, model, { name, specHash, ...data }) => {
  const userId = `cron~${name}~now~${model.now}`;
  const job = jobOf(model, { name, ...data }, userId, model.now);
  const [unheld] = model.rules.unheld([job]);
  const first = model.find(userId);
  const answer = await queue.store.timetable.runNow(queue.name, name, specHash, job);
  const rule = model.rules.rules.get(name);
  if (rule === undefined) expect(answer).toBe('not-found');
  else if (rule.specHash !== specHash) expect(answer).toBe('changed');
  else if (first !== undefined) expect(answer).toMatchObject({ id: first.id, created: false, state: first.state });
  else if (unheld === undefined) expect(answer).toMatchObject(model.enqueue([job], [])[0]);
  else {
    const { id } = answer as { id: string };
    expect(answer).toEqual({ id, created: true, state: 'ready' });
    queue.expectNew([id]);
    model.adopt(id, job);
    model.rules.ran(name, job.scheduledFor, id, 0, true);
  }
  await expectRuns(queue, model, name);
});

export const forgetRule = command('removeSchedule', names, async (queue, model, name) => {
  expect(await queue.store.timetable.remove(queue.name, name)).toBe(model.rules.remove(name));
});
