import { JOB_STATES, type JobState } from '../../core/job.js';
import type { JsonPatchOperation } from '../../core/json-patch.js';
import type { LimitOptions } from '../../options/limit-options.js';
import type { GroupOptions } from '../../options/group-option.js';
import type { Fields } from '../fields.js';
import { DashboardError } from '../dashboard-error.js';
import { scheduleViewOf } from '../views/schedule-view.js';
import { BULK_ACTIONS } from './bulk-actions.js';
import { enqueueJob } from './job-enqueuer.js';
import { actOnJobs } from './jobs-actor.js';
import type { ActionRoutes, ActionRoute, Call, Deed } from './route.js';
import { editSchedule } from './schedule-editor.js';
import type { Done, Outcome } from '../wire.js';

const MOST_IDS = 500;
const PURGED = JOB_STATES.filter((state): state is Exclude<JobState, 'active'> => state !== 'active');
const DONE: Done = { done: true };

const idsOf = (fields: Fields) => ({ ids: fields.texts('ids', MOST_IDS) });
const nameOf = (fields: Fields) => ({ name: fields.text('name') });
const nothingMore = () => ({});

type OnJobs = ActionRoute<Outcome>;
type OnQueue<A> = ActionRoute<A>;

/** Everything that is done, and what each needs. */
export const ACTIONS: ActionRoutes = {
  'job.retry': {
    ...onJobs('job.retry', ({ context, queue, fields }, id) =>
      context.queues.retry(queue, id, fields.has('patch') ? { patch: patchOf(fields) } : undefined),
    ),
    takes: ['ids', 'patch'],
    alsoNeeds: (fields) => (fields.has('patch') ? ['job.edit'] : []),
  },
  'job.cancel': onJobs('job.cancel', async (call, id) => {
    const answer = await call.context.queues.cancel(call.queue, id);
    return answer === 'cancelled' ? 'done' : answer;
  }),
  'job.remove': onJobs('job.remove', (call, id) => call.context.queues.remove(call.queue, id)),
  'job.promote': onJobs('job.promote', (call, id) => call.context.queues.promote(call.queue, id)),

  'job.enqueue': {
    about: 'queue',
    takes: ['name', 'payload', 'id', 'delay', 'priority'],
    needs: 'job.enqueue',
    subject: (fields) => (fields.has('name') ? nameOf(fields) : {}),
    act: enqueueJob,
  },

  ...BULK_ACTIONS,

  'queue.pause': onQueue('queue.pause', ({ context, queue }) => context.queues.pause(queue)),
  'queue.resume': onQueue('queue.pause', ({ context, queue }) => context.queues.resume(queue)),

  'queue.purge': {
    about: 'queue',
    takes: ['state', 'confirm'],
    needs: 'queue.purge',
    subject: nothingMore,
    async act({ context, queue, fields }) {
      const state = fields.oneOf('state', PURGED);
      if (fields.text('confirm') !== queue) {
        throw new DashboardError(400, 'DASHBOARD_BAD_REQUEST', 'confirm is not the name of the queue.');
      }
      const removed = await context.queues.purge(queue, { state });
      return { answer: { removed }, count: removed };
    },
  },

  'queue.limits': {
    about: 'queue',
    takes: ['limits'],
    needs: 'queue.limits',
    subject: nothingMore,
    async act({ context, queue, fields }) {
      const limits = fields.value('limits');
      if (limits === null) await context.queues.resetLimits(queue);
      else await context.queues.setLimits(queue, limits as LimitOptions);
      return { answer: DONE, count: 1 };
    },
  },

  'group.set': {
    about: 'queue',
    takes: ['key', 'rule'],
    needs: 'queue.limits',
    subject: (fields) => ({ name: fields.text('key') }),
    async act({ context, queue, fields }) {
      const [key, rule] = [fields.text('key'), fields.value('rule')];
      if (rule === null) await context.queues.resetGroup(queue, key);
      else await context.queues.setGroup(queue, key, rule as GroupOptions);
      return { answer: DONE, count: 1 };
    },
  },

  'schedule.run': {
    about: 'queue',
    takes: ['name'],
    needs: 'schedule.run',
    subject: nameOf,
    async act({ context, queue, fields }) {
      const { id, number, created } = await context.schedules.runNow(fields.text('name'), { queue });
      return { answer: { id, number, created }, count: created ? 1 : 0 };
    },
  },
  'schedule.pause': onSchedule('schedule.pause', ({ context, queue }, name) =>
    context.schedules.pause(name, { queue }),
  ),
  'schedule.resume': onSchedule('schedule.pause', ({ context, queue }, name) =>
    context.schedules.resume(name, { queue }),
  ),
  'schedule.remove': onSchedule('schedule.edit', ({ context, queue }, name) =>
    context.schedules.remove(name, { queue }),
  ),
  'schedule.edit': {
    about: 'queue',
    takes: ['name', 'cron', 'timeZone', 'every', 'at', 'payload', 'jobName', 'missed', 'overlap'],
    needs: 'schedule.edit',
    subject: nameOf,
    async act(call) {
      return { answer: scheduleViewOf(await editSchedule(call)), count: 1 };
    },
  },
};

/** Its steps are checked by the verb itself. */
function patchOf(fields: Fields): JsonPatchOperation[] {
  if (fields.texts('ids', MOST_IDS).length === 1) return fields.value('patch') as JsonPatchOperation[];
  throw new DashboardError(400, 'DASHBOARD_BAD_REQUEST', 'patch edits the payload of one job: give one id.');
}

function onJobs(needs: OnJobs['needs'], act: (call: Call, id: string) => Promise<unknown>): OnJobs {
  return {
    about: 'queue',
    takes: ['ids'],
    needs,
    subject: idsOf,
    act: (call) => actOnJobs(idsOf(call.fields).ids, (id) => act(call, id)),
  };
}

function onQueue(needs: OnQueue<Done>['needs'], act: (call: Call) => Promise<void>): OnQueue<Done> {
  return { about: 'queue', takes: [], needs, subject: nothingMore, act: (call) => done(act(call)) };
}

function onSchedule(needs: OnQueue<Done>['needs'], act: (call: Call, name: string) => Promise<void>): OnQueue<Done> {
  return {
    about: 'queue',
    takes: ['name'],
    needs,
    subject: nameOf,
    act: (call) => done(act(call, call.fields.text('name'))),
  };
}

async function done(deed: Promise<void>): Promise<Deed<Done>> {
  await deed;
  return { answer: DONE, count: 1 };
}
