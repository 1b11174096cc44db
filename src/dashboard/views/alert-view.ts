import type { QueueService } from '../../queue/queue.service.js';
import { sees, type Access } from '../access.js';
import type { FiringAlert } from '../wire.js';

/** Those that somebody may see: one about the store as a whole, who may see all queues. */
export async function listAlerts(queues: QueueService, access: Access): Promise<FiringAlert[]> {
  const firing = await queues.alerts();
  return firing
    .filter(({ queue }) => (queue === undefined ? access.queues === undefined : sees(access, queue)))
    .map(({ app, rule, queue, since, value }) => ({
      ...{ app, rule, value, since: since.getTime() },
      ...(queue !== undefined && { queue }),
    }));
}
