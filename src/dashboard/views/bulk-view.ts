import type { BulkProgress } from '../../inspector/bulk/bulk-handle.js';
import type { QueueService } from '../../queue/queue.service.js';
import { sees, type Access } from '../access.js';
import type { Bulk } from '../wire.js';

/** At the same time, so that a page with hundreds of queues does not hold up others. */
const AT_ONCE = 50;

/** Those of all queues that this app knows and somebody may see, the newest first. */
export async function listBulks(queues: QueueService, access: Access): Promise<Bulk[]> {
  const listed = (await queues.list()).filter(({ queue, known }) => known && sees(access, queue));
  const found: Bulk[] = [];
  for (let at = 0; at < listed.length; at += AT_ONCE) {
    const some = listed.slice(at, at + AT_ONCE);
    const read = await Promise.all(
      some.map(async ({ queue }) => (await queues.bulks(queue)).map((each) => bulkViewOf(queue, each))),
    );
    found.push(...read.flat());
  }
  return found.sort((a, b) => b.createdAt - a.createdAt);
}

export function bulkViewOf(queue: string, progress: BulkProgress): Bulk {
  const { id, state, where, action, rate, stopIf, executor, createdAt, endedAt } = progress;
  const { looked, matched, done, skipped, known, failed } = progress;
  return {
    ...{ id, queue, state, createdAt: createdAt.getTime(), looked, matched, done, skipped, known, failed },
    ...(where !== undefined && { where }),
    ...(action !== undefined && { action }),
    ...(rate !== undefined && { rate }),
    ...(stopIf && { stopIf }),
    ...(executor !== undefined && { executor }),
    ...(endedAt && { endedAt: endedAt.getTime() }),
  };
}
