import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MOUNT_KEYS, OPTION_KEYS } from '../../src/dashboard/dashboard-options.js';
import { CRON_KEYS, DECLARED_KEYS } from '../../src/discovery/schedule-reader.js';
import { REQUEST_KEYS } from '../../src/queue/enqueue-options.js';
import { GIVEN_JOB_KEYS } from '../../src/options/job-options-reader.js';
import { MODULE_KEYS, QUEUE_KEYS } from '../../src/options/options-reader.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import { namesOf, textOf } from './table-reader.js';

const readPage = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../docs/guides/${name}.md`, import.meta.url)), 'utf8');
const page = readPage('options');
const schedules = readPage('schedules');
const dashboard = readPage('dashboard');

/** Cells of the first table below a line. */
function tableBelow(text: string, line: string): string[][] {
  const lines = text.slice(text.indexOf(`\n${line}\n`)).split('\n');
  const start = lines.findIndex((one) => one.startsWith('| '));
  const end = lines.findIndex((one, index) => index > start && !one.startsWith('|'));
  return lines.slice(start + 2, end).map((one) => one.split('|').slice(1, -1));
}
const optionsOf = (rows: string[][]): string[] => rows.flatMap(([cell]) => namesOf(cell)).sort();
const defaultsOf = (rows: string[][]): Record<string, string> =>
  Object.fromEntries(rows.flatMap(([names, value]) => namesOf(names).map((name) => [name, textOf(value)])));
const sorted = (keys: Iterable<string>): string[] => [...keys].sort();
const isJobKey = (key: string): boolean => (GIVEN_JOB_KEYS as readonly string[]).includes(key);
const keysAt = (indent: number, code: string): string[] =>
  [...code.matchAll(new RegExp(String.raw`^ {${indent}}(\w+):`, 'gm'))].map(([, key]) => key).sort();

describe('The guide of options has every option that is read', () => {
  const block = /file=all-defaults\.ts\n([^]*?)\n```/.exec(page)?.[1] ?? '';

  it('of the module, with its default', () => {
    expect(keysAt(2, block)).toEqual(sorted(MODULE_KEYS));
    const inTable = MODULE_KEYS.filter((key) => !['defaults', 'queues'].includes(key));
    expect(optionsOf(tableBelow(page, '## The module'))).toEqual(sorted([...inTable, 'isGlobal']));
  });

  it('of the dashboard', () => {
    expect(optionsOf(tableBelow(dashboard, '## Options'))).toEqual(sorted([...MOUNT_KEYS, ...OPTION_KEYS]));
  });

  it('of a job, with its default', () => {
    const defaults = /^ {2}defaults: \{\n([^]*?)^ {2}\},/m.exec(block)?.[1] ?? '';
    expect(keysAt(4, defaults)).toEqual(sorted(GIVEN_JOB_KEYS));
    const { job } = DEFAULTS;
    expect(defaultsOf(tableBelow(page, '## Job options'))).toEqual({
      maxAttempts: `${job.maxAttempts}; of schedules ${job.maxAttemptsOfTicks}`,
      retryFor: 'none',
      backoff: 'exponential from 1 s, at most 1 h, jitter 0.5',
      timeout: 'none',
      expiresIn: 'none',
      priority: String(job.priority),
      cost: String(job.cost),
      retention: 'see above',
      durability: `'${String(job.durability)}'`,
    } satisfies Record<(typeof GIVEN_JOB_KEYS)[number], string>);
    expect(job.backoff).toEqual({ type: 'exponential', delayMs: 1000, maxMs: 3_600_000, jitter: 0.5 });
  });

  it('of a call', () => {
    expect(optionsOf(tableBelow(page, 'Only at the call:'))).toEqual(
      sorted([...REQUEST_KEYS].filter((key) => !isJobKey(key))),
    );
  });

  it('of a queue, with its default', () => {
    const { concurrency, prefetch, leaseMs } = DEFAULTS.worker;
    const rows = tableBelow(page, '## Worker options');
    expect(optionsOf(rows)).toEqual(sorted(QUEUE_KEYS.filter((key) => !isJobKey(key))));
    expect(defaultsOf(rows)).toEqual({
      ...{ concurrency: String(concurrency), prefetch: `'${prefetch}'`, lease: `${leaseMs / 1000} s` },
      ...{ limits: 'none', strictNames: 'of the module', inbox: 'none' },
    });
  });

  it('of a schedule, on its own page', () => {
    expect(optionsOf(tableBelow(schedules, '## Options'))).toEqual(sorted(CRON_KEYS));
    const ofTimeout = /^`@Timeout` knows (.*)\.$/m.exec(schedules)?.[1] ?? '';
    expect(namesOf(ofTimeout).sort()).toEqual(sorted(DECLARED_KEYS));
  });
});
