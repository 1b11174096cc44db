import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { PACKAGE_VERSION } from '../../src/core/package-version.js';
import { decodeProcess, encodeProcess, type ProcessState } from '../../src/inspector/process-info.js';

const state: ProcessState = {
  ...{ host: 'h1', pid: 7, app: 'shop', version: 'v2', role: 'all', node: 'v24.1.0', packageVersion: '0.1.0' },
  startedAt: new Date('2026-01-01T00:00:00Z'),
  rssBytes: 1e8,
  loopLagMs: 0.4,
  queues: [{ queue: 'mail', slots: 10, slotsBusy: 1, names: ['send', '*'] }],
  runs: [
    { queue: 'mail', id: 'a', number: '1', name: 'send', attempt: 2, startedAt: new Date('2026-01-01T00:00:05Z') },
  ],
};
const read = (record: string) => decodeProcess({ id: 'w1', seenAt: 1_800_000_000_000, record });

describe('The record of a process', () => {
  it('brings back what was written, with id and time of the store', () => {
    expect(read(encodeProcess(state))).toEqual({ ...state, id: 'w1', seenAt: new Date(1_800_000_000_000) });
  });

  it('has a bounded size: names go first, then runs, then queues', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => index);
    const named = many(40).map((index) => ({ ...state.queues[0], queue: `q${index}`, names: ['x'.repeat(100)] }));
    const runs = many(60).map((index) => ({ ...state.runs[0], id: `${'i'.repeat(100)}${index}` }));
    for (const part of [
      { queues: named, runs: state.runs },
      { queues: named, runs },
      { queues: many(900).map((index) => ({ ...named[0], queue: `queue-number-${index}` })), runs },
    ]) {
      const text = encodeProcess({ ...state, ...part });
      expect(text.length).toBeLessThanOrEqual(16_384);
      const info = read(text);
      expect(info).toMatchObject({ host: 'h1', version: 'v2' });
      expect(info?.queues.length).toBeGreaterThan(30);
      expect(info?.runs.length).toBeLessThanOrEqual(50);
    }
    expect(read(encodeProcess({ ...state, queues: named, runs: state.runs }))?.runs).toHaveLength(1);
  });

  it.each(['', 'null', '7', '"x"', '{"pid":"7","queues":[null,{"queue":5}],"runs":{},"startedAt":"x"}', '{'])(
    'of another program does no harm: %s',
    (record) => {
      const info = read(record);
      if (info === undefined) return;
      expect(info).toMatchObject({ id: 'w1', pid: 0, queues: [], runs: [], startedAt: new Date(0) });
    },
  );

  it('names the version of this package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(PACKAGE_VERSION).toBe(version);
  });
});
