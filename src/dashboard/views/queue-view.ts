import type { QueueListing as ListedQueue } from '../../inspector/queue-lister.js';
import type { ProcessInfo } from '../../inspector/process-info.js';
import type { QueueService } from '../../queue/queue.service.js';
import { sees, type Access } from '../access.js';
import type { Process, QueueListing, QueueSnapshot } from '../wire.js';

/** At the same time, so that a page with hundreds of queues does not hold up others. */
const AT_ONCE = 50;

export async function countQueue(queues: QueueService, queue: string): Promise<QueueSnapshot> {
  const { paused, ...counts } = await queues.counts(queue);
  return { queue, paused, counts };
}

/** One queue, whatever else is known. @throws UnknownQueueError */
export async function listQueue(queues: QueueService, queue: string): Promise<QueueListing> {
  const [counted, listed] = await Promise.all([countQueue(queues, queue), queues.list()]);
  const found = listed.find((each) => each.queue === queue);
  return { known: true, processes: 0, names: [], ...listingOf(found), ...counted };
}

/** Those that somebody may see. */
export async function listQueues(queues: QueueService, access: Access): Promise<QueueListing[]> {
  const listed = (await queues.list()).filter(({ queue }) => sees(access, queue));
  const listings: QueueListing[] = [];
  for (let at = 0; at < listed.length; at += AT_ONCE) {
    const some = listed.slice(at, at + AT_ONCE);
    listings.push(
      ...(await Promise.all(
        some.map(async (each) => ({ ...(await countQueue(queues, each.queue)), ...listingOf(each) })),
      )),
    );
  }
  return listings;
}

function listingOf(listed: ListedQueue): Omit<QueueListing, keyof QueueSnapshot> & Partial<QueueSnapshot>;
function listingOf(listed: ListedQueue | undefined): Partial<QueueListing>;
function listingOf(listed: ListedQueue | undefined): Partial<QueueListing> {
  if (listed === undefined) return {};
  const { queue, known, processes, slots, slotsBusy, names } = listed;
  return { queue, known, processes, slots, slotsBusy, names };
}

/** Without queues that somebody may not see. */
export function processViewOf({ queues, runs, startedAt, seenAt, ...rest }: ProcessInfo, access: Access): Process {
  return {
    ...rest,
    startedAt: startedAt.getTime(),
    seenAt: seenAt.getTime(),
    queues: queues.filter(({ queue }) => sees(access, queue)),
    runs: runs
      .filter(({ queue }) => sees(access, queue))
      .map((run) => ({ ...run, startedAt: run.startedAt.getTime() })),
  };
}
