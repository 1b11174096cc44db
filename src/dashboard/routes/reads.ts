import { PACKAGE_VERSION } from '../../core/package-version.js';
import { JOB_STATES } from '../../core/job.js';
import { HISTORY_BUCKETS_MS } from '../../core/run-counts.js';
import { previewBulk } from '../../inspector/bulk/bulk-handle.js';
import { JobNotFoundError } from '../../core/errors/job-errors.js';
import { ScheduleNotFoundError } from '../../schedules/rule/schedule-errors.js';
import { sees } from '../access.js';
import { forbidden } from '../dashboard-error.js';
import { listAlerts } from '../views/alert-view.js';
import { bulkViewOf, listBulks } from '../views/bulk-view.js';
import { groupDeadLetters } from '../views/dead-letters.js';
import { definitionsOf } from '../views/definitions.js';
import { groupViewOf } from '../views/group-view.js';
import { explanationOf, jobViewOf, linksOf, rowOf } from '../views/job-view.js';
import { listQueue, listQueues, processViewOf } from '../views/queue-view.js';
import { runViewOf, scheduleViewOf } from '../views/schedule-view.js';
import { previewTicks } from '../views/tick-preview.js';
import type { BulkPreview, Bulks, Doctor, GroupsPage, History, JobPage, SchedulePage, Session } from '../wire.js';
import { JOB_ACTIONS } from './bulk-actions.js';
import type { Call, ReadRoutes } from './route.js';

/** Rows carry their payloads as far as here. */
const MOST_ROWS = 100;
/** Milliseconds have 13 digits until the year 2286. */
const LAST_INSTANT = 9_999_999_999_999;
const NEXT_TICKS = 10;
const MOST_PREVIEWED = 20;
const PAGED = ['cursor', 'limit'];

/** Everything that is looked at, and what each needs. */
export const READS: ReadRoutes = {
  session: { about: 'app', takes: [], answer: sessionOf },

  overview: {
    about: 'app',
    takes: [],
    async answer({ context, access }) {
      const [queues, alerts] = await Promise.all([
        listQueues(context.queues, access),
        listAlerts(context.queues, access),
      ]);
      return { at: context.now(), queues, alerts };
    },
  },

  queue: {
    about: 'queue',
    takes: [],
    async answer({ context, queue }) {
      const [listing, limits] = await Promise.all([listQueue(context.queues, queue), context.queues.limits(queue)]);
      return { at: context.now(), queue: listing, ...(limits && { limits }) };
    },
  },

  history: { about: 'queue', takes: ['name', 'from', 'to'], answer: historyPage },

  jobs: {
    about: 'queue',
    takes: ['state', ...PAGED],
    async answer({ context, queue, fields }) {
      const page = await context.queues.jobs(queue, { state: fields.oneOf('state', JOB_STATES), ...pageOf(fields) });
      return { jobs: page.jobs.map(rowOf), ...(page.cursor !== undefined && { cursor: page.cursor }) };
    },
  },

  facets: {
    about: 'queue',
    takes: ['where', 'path'],
    async answer({ context, queue, fields, signal }) {
      const where = fields.optionalText('where') ?? '';
      const leave = context.searches.enter();
      try {
        return await context.queues.facets(queue, where, fields.text('path'), { signal });
      } finally {
        leave();
      }
    },
  },

  job: {
    about: 'queue',
    takes: ['id', 'reveal'],
    alsoNeeds: (fields) => (fields.has('reveal') ? ['payload.reveal'] : []),
    answer: jobPage,
  },

  dead: {
    about: 'queue',
    takes: [],
    answer: ({ context, queue }) => groupDeadLetters(context.queues, queue),
  },

  bulkPreview: { about: 'queue', takes: ['where', 'action'], answer: previewPage },

  bulks: { about: 'app', takes: ['queue'], answer: bulksPage },

  groups: { about: 'queue', takes: PAGED, answer: groupsPage },

  schedules: {
    about: 'queue',
    takes: PAGED,
    async answer({ context, queue, fields }) {
      const page = await context.schedules.list({ queue, ...pageOf(fields) });
      return {
        schedules: page.schedules.map(scheduleViewOf),
        ...(page.cursor !== undefined && { cursor: page.cursor }),
      };
    },
  },

  schedule: { about: 'queue', takes: ['name'], answer: schedulePage },

  ticks: {
    about: 'app',
    takes: ['cron', 'every', 'timeZone', 'count'],
    answer: ({ context, fields }) => ({
      ticks: previewTicks(
        { cron: fields.optionalText('cron'), every: fields.optionalText('every') },
        fields.optionalText('timeZone'),
        fields.count('count', 1, MOST_PREVIEWED) ?? NEXT_TICKS,
        context.now(),
      ),
    }),
  },

  processes: {
    about: 'app',
    takes: [],
    async answer({ context, access }) {
      const processes = (await context.queues.processes()).map((each) => processViewOf(each, access));
      return { processes: processes.filter(({ queues }) => access.queues === undefined || queues.length > 0) };
    },
  },

  definitions: {
    about: 'queue',
    takes: [],
    answer: ({ context, queue }) => ({ definitions: definitionsOf(context.registry, queue) }),
  },

  doctor: { about: 'app', takes: [], answer: doctorPage },
};

function pageOf(fields: Call['fields']): { limit: number; cursor?: string } {
  const cursor = fields.optionalText('cursor');
  return { limit: fields.count('limit', 1, MOST_ROWS) ?? 50, ...(cursor !== undefined && { cursor }) };
}

function sessionOf({ context, access }: Call): Session {
  const { readOnly = false, environment, locale } = context.options;
  return {
    ...(access.user !== undefined && { user: access.user }),
    can: [...access.can],
    readOnly,
    ...(environment && { environment }),
    ...(locale !== undefined && { locale }),
    version: PACKAGE_VERSION,
    redacts: context.engine.redactor !== undefined,
    at: context.now(),
  };
}

async function historyPage({ context, queue, fields }: Call): Promise<History> {
  const name = fields.optionalText('name');
  const [from, to] = [fields.count('from', 0, LAST_INSTANT), fields.count('to', 0, LAST_INSTANT)];
  const history = await context.queues.history(queue, {
    ...(name !== undefined && { name }),
    ...(from !== undefined && { from: new Date(from) }),
    ...(to !== undefined && { to: new Date(to) }),
  });
  return {
    ...history,
    boundsMs: [...HISTORY_BUCKETS_MS],
    deploys: history.deploys.map(({ at, version }) => ({ at: at.getTime(), version })),
    points: history.points.map(({ at, ...point }) => ({ ...point, at: at.getTime() })),
  };
}

async function jobPage({ context, access, queue, fields }: Call): Promise<JobPage> {
  const id = fields.text('id');
  const job = await context.queues.getJob(queue, id);
  if (job === undefined) throw new JobNotFoundError(queue, id);
  const reveals = fields.has('reveal');
  if (reveals) await context.tell({ access, action: 'payload.reveal', queue, ids: [id], count: 1, outcome: 'done' });
  const [view, explanation] = await Promise.all([jobViewOf(job, context.engine.redactor, reveals), explanationOf(job)]);
  return {
    at: context.now(),
    ...view,
    ...(explanation && { explanation }),
    links: linksOf(job, context.options.links),
  };
}

/** It takes up to a fifth of the time of the store, as a search does, and ends with the client. */
async function previewPage({ context, queue, fields, signal }: Call): Promise<BulkPreview> {
  const action = fields.oneOf('action', JOB_ACTIONS);
  const leave = context.searches.enter();
  try {
    const scope = await context.queues.operatedScopeOf(queue);
    return await previewBulk(scope, { where: fields.optionalText('where') ?? '', action }, signal);
  } finally {
    leave();
  }
}

async function bulksPage({ context, access, fields }: Call): Promise<Bulks> {
  const queue = fields.optionalText('queue');
  if (queue === undefined) return { at: context.now(), bulks: await listBulks(context.queues, access) };
  if (!sees(access, queue)) throw forbidden('You may not see this queue.');
  const bulks = await context.queues.bulks(queue);
  return { at: context.now(), bulks: bulks.map((each) => bulkViewOf(queue, each)) };
}

async function groupsPage({ context, queue, fields }: Call): Promise<GroupsPage> {
  const { groups, cursor } = await context.queues.groups(queue, pageOf(fields));
  return { at: context.now(), groups: groups.map(groupViewOf), ...(cursor !== undefined && { cursor }) };
}

async function schedulePage({ context, queue, fields }: Call): Promise<SchedulePage> {
  const { schedules } = context;
  const name = fields.text('name');
  const [info, next, runs] = await Promise.all([
    schedules.get(name, { queue }),
    schedules.next(name, NEXT_TICKS, { queue }),
    schedules.history(name, undefined, { queue }),
  ]);
  if (info === undefined) throw new ScheduleNotFoundError(queue, name);
  return { at: context.now(), schedule: scheduleViewOf(info), next, runs: runs.map(runViewOf) };
}

async function doctorPage({ context, access }: Call): Promise<Doctor> {
  if (access.queues !== undefined) throw forbidden('The store is for those who may see all queues.');
  const { durability: _, ...report } = await context.queues.doctor();
  return {
    at: context.now(),
    ...report,
    dangers: [...report.dangers],
    unknown: [...report.unknown],
  };
}
