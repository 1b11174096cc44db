import { decodeLimits, encodeLimits } from '../core/limits.js';
import type { DeclarationAnswer, QueueLimits } from '../core/limits.js';
import type { Limits } from '../core/ports/limits.js';
import type { RedisQueues } from './redis-queue.js';

export class RedisLimits implements Limits {
  constructor(private readonly queues: RedisQueues) {}

  async declare(queue: string, limits: QueueLimits | undefined): Promise<DeclarationAnswer> {
    return this.call(queue, 'declare', encodeLimits(limits));
  }

  async set(queue: string, limits: QueueLimits): Promise<void> {
    await this.call(queue, 'set', encodeLimits(limits));
  }

  async reset(queue: string): Promise<void> {
    await this.call(queue, 'reset', '');
  }

  async read(queue: string): Promise<QueueLimits | undefined> {
    const target = this.queues.of(queue);
    const text = (await target.command('hget', [target.keys.meta, 'limits'])) as string | null;
    return decodeLimits(text ?? '');
  }

  private call(queue: string, verb: string, text: string): Promise<DeclarationAnswer> {
    return this.queues.of(queue).act<DeclarationAnswer>('limits', 'set-limits', [verb, text]);
  }
}
