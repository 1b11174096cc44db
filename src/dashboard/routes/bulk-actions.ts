import { BulkNotFoundError } from '../../core/errors/bulk-errors.js';
import { RULES } from '../../core/rules.js';
import type { BulkStop } from '../../inspector/bulk/bulk-request.js';
import type { Fields } from '../fields.js';
import type { JobAction } from '../wire.js';
import type { ActionRoute, ActionRoutes } from './route.js';

/** Of a `where`, as far as the audit tells it; a longer one is refused. */
const LONGEST_TOLD = 2000;

export const JOB_ACTIONS = ['retry', 'cancel', 'remove', 'promote'] as const satisfies readonly JobAction[];

/** Operations on many jobs. One route for each action, so that the audit says which, and nobody does to all what they may not to one. */
export const BULK_ACTIONS = {
  'bulk.retry': bulkOf('retry'),
  'bulk.cancel': bulkOf('cancel'),
  'bulk.remove': bulkOf('remove'),
  'bulk.promote': bulkOf('promote'),

  'bulk.stop': {
    about: 'queue',
    takes: ['id'],
    needs: 'bulk.run',
    subject: (fields) => ({ name: fields.text('id') }),
    async act({ context, queue, fields }) {
      const id = fields.text('id');
      const bulk = await context.queues.getBulk(queue, id);
      if (bulk === undefined) throw new BulkNotFoundError(queue, id, RULES.mostEndedBulks);
      const outcome = await bulk.cancel();
      return { answer: { outcome }, count: outcome === 'cancelled' ? 1 : 0 };
    },
  },
} satisfies Partial<ActionRoutes>;

/** What is asked for is checked by the verb itself. An empty `where` means all jobs: one that is missing is refused. */
function bulkOf(action: JobAction): ActionRoute<{ id: string }> {
  return {
    about: 'queue',
    takes: ['where', 'rate', 'stopIf'],
    needs: 'bulk.run',
    alsoNeeds: () => [`job.${action}`],
    subject: whereOf,
    async act({ context, queue, fields }) {
      const { id } = await context.queues.bulk(queue, {
        where: fields.value('where') as string,
        action,
        ...(fields.has('rate') && { rate: fields.value('rate') as number }),
        ...(fields.has('stopIf') && { stopIf: fields.value('stopIf') as BulkStop }),
      });
      return { answer: { id }, count: 1, name: id };
    },
  };
}

function whereOf(fields: Fields): { where?: string } {
  const where = fields.value('where');
  return typeof where === 'string' ? { where: where.slice(0, LONGEST_TOLD) } : {};
}
