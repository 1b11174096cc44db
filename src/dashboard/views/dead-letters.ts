import type { JobHandle } from '../../queue/job-handle.js';
import type { QueueService } from '../../queue/queue.service.js';
import type { DeadLetters } from '../wire.js';
import { rowOf } from './job-view.js';

/** Of the newest so many. */
const MOST_LOOKED = 1000;
const PAGE = 100;
const MOST_IDS = 20;
const LONGEST_MESSAGE = 300;

/** Ids and numbers, what `redact` hides, and where a message has another line. Ids of the store may be letters alone. */
const UNLIKE = /[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{12,}\b|\d+|\[redacted\]|[\r\n"\\]/i;
const LONGEST_SAME = 100;

type Group = DeadLetters['groups'][number];

/** Dead jobs by what they died of: handler, reason, and an error whose numbers and ids are left out of account. */
export async function groupDeadLetters(queues: QueueService, queue: string): Promise<DeadLetters> {
  const groups = new Map<string, Group>();
  let looked = 0;
  let cursor: string | undefined;
  do {
    const page = await queues.jobs(queue, { state: 'dead', limit: PAGE, ...(cursor !== undefined && { cursor }) });
    for (const job of page.jobs) add(groups, job);
    looked += page.jobs.length;
    cursor = page.cursor;
  } while (cursor !== undefined && looked < MOST_LOOKED);
  const sorted = [...groups.values()].sort((one, other) => other.count - one.count);
  return { groups: sorted, looked, complete: cursor === undefined };
}

function add(groups: Map<string, Group>, job: JobHandle): void {
  const { name, deadReason: reason = 'unknown', error: shown, settledAt: at = 0 } = rowOf(job);
  const message = (shown?.message ?? '').slice(0, LONGEST_MESSAGE);
  const error = shown && { name: shown.name, message: withoutIds(message, job) };
  const key = JSON.stringify([name, reason, error?.name, sameFor(error?.message ?? '')]);
  const group = groups.get(key);
  if (group === undefined) {
    groups.set(key, {
      ...{ name, reason, error: error?.name ?? '', message, count: 1, newestAt: at, oldestAt: at },
      ids: [job.number],
      where: whereOf(name, reason, error),
    });
    return;
  }
  group.count++;
  group.newestAt = Math.max(group.newestAt, at);
  group.oldestAt = Math.min(group.oldestAt, at);
  if (group.ids.length < MOST_IDS) group.ids.push(job.number);
}

/** The job's own ids become a number, which is like any other. */
function withoutIds(message: string, { id, number }: JobHandle): string {
  return message.replaceAll(number, '0').replaceAll(id, '0');
}

/** `User 17 is gone` and `User 18 is gone` are one error. */
function sameFor(message: string): string {
  return message.replaceAll(new RegExp(UNLIKE, 'gi'), '#');
}

/** An error is found by a part of `Name: message`: as much of it as all of the group have. */
function whereOf(name: string, reason: string, error: { name: string; message: string } | undefined): string {
  const terms = ['state:dead', `name:${JSON.stringify(name)}`, `reason:${JSON.stringify(reason)}`];
  if (error !== undefined) {
    const same = `${error.name}: ${error.message}`.split(UNLIKE, 1)[0].slice(0, LONGEST_SAME).trimEnd();
    if (same !== '') terms.push(`error:${JSON.stringify(same)}`);
  }
  return terms.join(' ');
}
