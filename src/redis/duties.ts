import type { RetentionRule, SettledState } from '../core/job.js';
import type { Duties, EndPage, JobEnd, ReclaimReply } from '../core/ports/duties.js';
import { RULES } from '../core/rules.js';
import type { RedisQueues } from './redis-queue.js';

/** Items that one script of a sweep looks at: some 1 ms of Redis. */
const STEP = 200;

export class RedisDuties implements Duties {
  constructor(
    private readonly queues: RedisQueues,
    private readonly maxCrashes: number,
  ) {}

  async promote(queue: string, limit: number): Promise<{ promoted: number; nextDueAt: number | undefined }> {
    const target = this.queues.of(queue);
    type Reply = [string, number, string];
    const [, promoted, next] = await target.write<Reply>('promote', [Math.min(limit, RULES.mostPromoted)]);
    return { promoted, nextDueAt: instantOf(next) };
  }

  async reclaim(queue: string, leaseMs: number): Promise<ReclaimReply> {
    const target = this.queues.of(queue);
    type Reply = [string, string[], string[], number, number, string, number, string, number, string, number, number];
    const reply = await target.write<Reply>('reclaim', [leaseMs, this.maxCrashes, STEP]);
    const [now, reclaimed, poisoned, more, inflight, nextExpiry, ready, nextDue, parked, nextLook, isTorn, bulks] =
      reply;
    // Of another process, which has ended or may not do it.
    if (isTorn === 1) await target.mender.mend().catch(() => {});
    return {
      now: Number(now),
      reclaimed: reclaimed.length,
      poisoned,
      more: more === 1,
      inflight,
      nextExpiryAt: instantOf(nextExpiry),
      ready,
      nextDueAt: instantOf(nextDue),
      parked,
      nextLookAt: instantOf(nextLook),
      hasBulks: bulks === 1,
    };
  }

  async trim(
    queue: string,
    retention: Record<SettledState, RetentionRule>,
  ): Promise<{ trimmed: number; trimmedDead: number; more: boolean }> {
    const target = this.queues.of(queue);
    const limits = (['completed', 'cancelled', 'dead'] as const).flatMap((state) => limitArgs(retention[state]));
    type Reply = [string, number, number, number];
    const [, trimmed, trimmedDead, more] = await target.write<Reply>('trim', [
      STEP,
      RULES.callMemoryMs / 1000,
      ...limits,
    ]);
    return { trimmed, trimmedDead, more: more === 1 };
  }

  async readEnds(queue: string, state: SettledState, place: string | undefined, limit: number): Promise<EndPage> {
    const target = this.queues.of(queue);
    const args = [state, place ?? '', Math.min(limit, STEP)];
    const [now, next, more, lines] = await target.look<[string, string, number, string]>('read-ends', args);
    const ends = lines === '' ? [] : lines.split('\n').map(readEnd);
    return { now: Number(now), ends, place: next === '' ? undefined : next, more: more === 1 };
  }

  async dropEnds(queue: string, ends: readonly Pick<JobEnd, 'id' | 'seen'>[]): Promise<number> {
    if (ends.length === 0) return 0;
    const target = this.queues.of(queue);
    return target.write(
      'drop-ends',
      ends.flatMap(({ id, seen }) => [id, seen]),
    );
  }
}

function limitArgs(rule: RetentionRule): number[] {
  return rule === false ? [-1, 0, 0] : [rule.count, rule.ageMs, rule.bytes];
}

/** A line of `read-ends.lua`. */
function readEnd(line: string): JobEnd {
  const id = line.indexOf(' ');
  const seen = line.indexOf(' ', id + 1);
  const bytes = line.indexOf(' ', seen + 1);
  return {
    id: line.slice(0, id),
    seen: line.slice(id + 1, seen),
    bytes: Number(line.slice(seen + 1, bytes)),
    head: line.slice(bytes + 1),
  };
}

function instantOf(text: string): number | undefined {
  return text === '' ? undefined : Number(text);
}
