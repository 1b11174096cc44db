import type { RateLimit } from './limits.js';

/** What a user decided about one group of a queue, in engine units. What is undefined is as the queue says for its groups. */
export interface GroupRule {
  /** Its share among the groups that wait, default 1. */
  weight?: number | undefined;
  /** Jobs of it that run at once. */
  running?: number | undefined;
  rate?: RateLimit | undefined;
  /** None of it starts. */
  paused?: boolean | undefined;
}

/** Why no job of a group may start. */
export interface GroupHold {
  by: 'paused' | 'concurrency' | 'rate' | 'gate' | 'order';
  /** Of a rate or a gate: none starts before, ms. */
  until?: number | undefined;
  /** Of an ordered group: its job that is not finished. */
  holder?: string | undefined;
}

/** A group as it stands. */
export interface GroupView {
  key: string;
  /** Its ready jobs, without those that crashed workers and run alone. */
  waiting: number;
  running: number;
  rule: GroupRule | undefined;
  /** Undefined where its next job may start as far as the group is concerned. */
  hold: GroupHold | undefined;
}

/** As the store keeps it: `weight running limit per smooth paused`, `-` for what is not set. */
export function encodeGroupRule({ weight, running, rate, paused }: GroupRule): string {
  const words = [weight, running, rate?.limit, rate?.perMs].map((word) => word ?? '-');
  return [...words, rate?.smooth ? 1 : 0, paused ? 1 : 0].join(' ');
}

export function decodeGroupRule(text: string): GroupRule {
  const [weight, running, limit, perMs, smooth, paused] = text.split(' ');
  return {
    weight: weight === '-' ? undefined : Number(weight),
    running: running === '-' ? undefined : Number(running),
    rate: limit === '-' ? undefined : { limit: Number(limit), perMs: Number(perMs), smooth: smooth === '1' },
    paused: paused === '1',
  };
}
