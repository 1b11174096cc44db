import type { DeclarationAnswer, QueueLimits } from '../core/limits.js';
import { decodeLimits, encodeLimits } from '../core/limits.js';
import type { Limits } from '../core/ports/limits.js';
import { RULES } from '../core/rules.js';
import { applyLimits } from './allowance.js';
import type { MemoryConnection } from './connection.js';
import { wakeAll } from './wake.js';
import type { MemoryQueue } from './memory-queue.js';

export class MemoryLimits implements Limits {
  constructor(private readonly connection: MemoryConnection) {}

  async declare(name: string, limits: QueueLimits | undefined): Promise<DeclarationAnswer> {
    const queue = this.connection.queue(name);
    const { rules } = queue;
    const text = encodeLimits(limits);
    if (text === rules.declared) {
      rules.declaredAt = queue.now();
      return 'same';
    }
    if (rules.replaced.includes(text) && queue.now() - rules.declaredAt < RULES.silenceMs) return 'outdated';
    rules.replaced = [rules.declared, ...rules.replaced.filter((rule) => rule !== text)].slice(
      0,
      RULES.mostReplacedLimits,
    );
    rules.declared = text;
    rules.declaredAt = queue.now();
    this.apply(queue);
    return 'changed';
  }

  async set(name: string, limits: QueueLimits): Promise<void> {
    const queue = this.connection.queue(name);
    queue.rules.given = encodeLimits(limits);
    queue.allowance.gate = 0; // whoever decides by hand opens what a handler has closed, too
    this.apply(queue);
  }

  async reset(name: string): Promise<void> {
    const queue = this.connection.queue(name);
    queue.rules.given = '';
    queue.allowance.gate = 0;
    this.apply(queue);
  }

  async read(name: string): Promise<QueueLimits | undefined> {
    return this.connection.queue(name).allowance.limits;
  }

  /** What holds now, and whoever waits looks again. */
  private apply(queue: MemoryQueue): void {
    const { given, declared } = queue.rules;
    applyLimits(queue, decodeLimits(given === '' ? declared : given));
    wakeAll(queue);
  }
}
