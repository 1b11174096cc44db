import { describe, expect, it } from '@jest/globals';
import { KEY_NAMES, QueueKeys, StoreKeys, wakeChannel } from '../../src/redis/keys.js';

// Other programs, dashboards and older versions know these literals: a change here is a new store format.
describe('keys', () => {
  const keys = new QueueKeys('tq', 'mail');

  it('lie in one hash slot under literal names', () => {
    const { all, plainEnqueue: _enqueue, plainTurn: _turn, ...named } = Object.fromEntries(Object.entries(keys));
    expect(named).toEqual({
      base: '{tq:mail}:',
      meta: '{tq:mail}:meta',
      jobs: '{tq:mail}:jobs',
      ready: '{tq:mail}:ready',
      priority: '{tq:mail}:priority',
      scheduled: '{tq:mail}:scheduled',
      inflight: '{tq:mail}:inflight',
      workers: '{tq:mail}:workers',
      idle: '{tq:mail}:idle',
      completed: '{tq:mail}:completed',
      cancelled: '{tq:mail}:cancelled',
      dead: '{tq:mail}:dead',
      ids: '{tq:mail}:ids',
      traits: '{tq:mail}:traits',
      crashes: '{tq:mail}:crashes',
      cancelling: '{tq:mail}:cancelling',
      waiters: '{tq:mail}:waiters',
      notes: '{tq:mail}:notes',
      suspects: '{tq:mail}:suspects',
      parked: '{tq:mail}:parked',
      schedules: '{tq:mail}:schedules',
      specs: '{tq:mail}:specs',
      ticks: '{tq:mail}:ticks',
      runs: '{tq:mail}:runs',
      announced: '{tq:mail}:announced',
      apps: '{tq:mail}:apps',
      uniques: '{tq:mail}:uniques',
      payloads: '{tq:mail}:payloads',
      stats: '{tq:mail}:stats',
      bulks: '{tq:mail}:bulks',
      grouped: '{tq:mail}:grouped',
      flying: '{tq:mail}:flying',
      turns: '{tq:mail}:turns',
      held: '{tq:mail}:held',
      lanes: '{tq:mail}:lanes',
      rules: '{tq:mail}:rules',
    });
    expect(all).toEqual(KEY_NAMES.map((name) => `{tq:mail}:${name}`));
    expect([...KEY_NAMES].sort()).toEqual(
      Object.keys(named)
        .filter((name) => name !== 'base')
        .sort(),
    );
  });

  it('of the store lie in the slot of the queue without a name', () => {
    const { registry, ...named } = Object.fromEntries(Object.entries(new StoreKeys('tq')));
    expect(named).toEqual({
      processes: '{tq:}:processes',
      present: '{tq:}:present',
      queues: '{tq:}:queues',
      alerts: '{tq:}:alerts',
    });
    expect(registry).toEqual([named.processes, named.present, named.queues]);
  });

  it('have channels beside them', () => {
    expect(keys.signalsChannel).toBe('{tq:mail}:signals');
    expect(keys.settledChannel).toBe('{tq:mail}:settled');
    expect(keys.eventsChannel).toBe('{tq:mail}:events');
    expect(wakeChannel('tq', 'w1')).toBe('tq:wake:w1');
  });

  it('have channels of their own in each database', () => {
    const second = new QueueKeys('tq', 'mail', 2);
    expect(second.meta).toBe(keys.meta);
    expect(second.signalsChannel).toBe('@2:{tq:mail}:signals');
    expect(second.settledChannel).toBe('@2:{tq:mail}:settled');
    expect(second.eventsChannel).toBe('@2:{tq:mail}:events');
    expect(wakeChannel('tq', 'w1', 2)).toBe('@2:tq:wake:w1');
  });
});
