import type { JobState } from '../core/job.js';
import type {
  ActAnswer,
  ActedJob,
  BulkAction,
  BulkRecord,
  Bulks,
  BulkState,
  BulkStep,
  ExecutorLease,
} from '../core/ports/bulks.js';
import type { RedisQueues } from './redis-queue.js';
import { lastOfBlock } from './job-numbers.js';

type Answer = Awaited<ReturnType<Bulks['step']>>;

export class RedisBulks implements Bulks {
  constructor(private readonly queues: RedisQueues) {}

  async start(
    queue: string,
    id: string,
    request: string,
    { executor, leaseMs }: ExecutorLease,
  ): Promise<'started' | 'full'> {
    return this.queues.of(queue).act(['bulk', id], 'start-bulk', [id, request, executor, leaseMs]);
  }

  async read(queue: string, id = ''): Promise<BulkRecord[]> {
    const [, ...fields] = await this.queues.of(queue).look<string[]>('read-bulks', [id]);
    return readRecords(fields);
  }

  async claim(queue: string, { executor, leaseMs }: ExecutorLease): ReturnType<Bulks['claim']> {
    const [, free, ...fields] = await this.queues.of(queue).write<string[]>('claim-bulks', [executor, leaseMs]);
    return { claimed: readRecords(fields), nextFreeAt: free === '' ? undefined : Number(free) };
  }

  async step(queue: string, step: BulkStep): Promise<Answer> {
    const { id, executor, leaseMs, place, nextPlace, nextState, looked, skipped, failed, known, watched, watches } =
      step;
    const head = [id, executor, leaseMs, place, nextPlace, nextState, looked, skipped, failed, known];
    const args = [...head, watched.join(','), watches ? '1' : '0', ...jobArgs(step.action, step.state, step.jobs)];
    return readAnswer(await this.queues.of(queue).act(['bulk', id], 'step-bulk', args));
  }

  async act(queue: string, action: BulkAction, state: JobState, jobs: readonly ActedJob[]): Promise<ActAnswer> {
    if (jobs.length === 0) return { done: 0, skipped: 0 };
    const head = ['', '', 0, '', '', 'running', 0, 0, 0, 0, '', '0'];
    const args = [...head, ...jobArgs(action, state, jobs)];
    return readAnswer(await this.queues.of(queue).act(['bulk', action], 'step-bulk', args)) as ActAnswer;
  }

  async cancel(queue: string, id: string): Promise<'cancelled' | 'over' | 'gone'> {
    return this.queues.of(queue).act(['bulk', id], 'end-bulk', [id]);
  }
}

function jobArgs(action: BulkAction, state: JobState, jobs: readonly ActedJob[]): (string | number)[] {
  const rows = jobs.flatMap(({ id, seen, head = '', priority = 0 }) =>
    action === 'retry' ? [id, seen, head, priority] : [id, seen],
  );
  return [action, state, action === 'retry' ? 4 : 2, ...rows];
}

function readAnswer(answer: string): Answer {
  if (answer === 'over' || answer === 'lost' || answer === 'gone') return answer;
  const [done, skipped] = answer.split(' ').map(Number);
  return { done, skipped };
}

/** Fields of lib/bulk.lua, four an operation. */
function readRecords(fields: readonly string[]): BulkRecord[] {
  const records: BulkRecord[] = [];
  for (let at = 0; at < fields.length; at += 4) {
    const [id, asked, line, watched] = fields.slice(at, at + 4);
    const newline = asked.indexOf('\n');
    const [createdAt, block] = asked.slice(0, newline).split(' ').map(Number);
    const words = line.split(' ', 11);
    const [leaseEndsAt, looked, matched, done, skipped, failed, known, endedAt] = words.slice(2, 10).map(Number);
    records.push({
      ...{
        id,
        request: asked.slice(newline + 1),
        createdAt,
        highest: lastOfBlock(block),
        state: words[0] as BulkState,
      },
      ...{ executor: words[1] === '-' ? undefined : words[1], leaseEndsAt },
      ...{ looked, matched, done, skipped, failed, known, watched: watched === '' ? [] : watched.split(',') },
      ...{ endedAt: endedAt === 0 ? undefined : endedAt, place: line.slice(words.join(' ').length + 1) },
    });
  }
  return records;
}
