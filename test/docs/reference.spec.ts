import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as exported from 'nestjs-task-queue';
import { JobHandle, Queue, QueueService, TaskQueueError } from 'nestjs-task-queue';
import { STORE_EVENT_NAMES } from '../../src/core/ports/notices.js';
import { DEAD_REASONS, JOB_STATES } from '../../src/core/job.js';
import { namesOf, readTable, textOf } from './table-reader.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = join(root, 'docs', 'guides', 'reference.md');
const ERROR_FILES = readdirSync(join(root, 'src/core/errors')).map((file) => `core/errors/${file}`);
/** Of Nest, or for this package alone. */
const NOT_FOR_USERS = [
  'constructor',
  'endWaits',
  'foundScopeOf',
  'onApplicationShutdown',
  'operatedScopeOf',
  'scopeOf',
];

const first = (path: string, heading: string): string[] => readTable(path, heading).flatMap(([cell]) => namesOf(cell));
const reasons = (path: string): string[] => readTable(path, '| reason ').map(([cell]) => textOf(cell));
/** Those of the class and of the classes that it extends. */
function membersOf({ prototype }: { prototype: object }): string[] {
  const names = new Set<string>();
  for (let of = prototype; of !== Object.prototype; of = Object.getPrototypeOf(of) as object)
    for (const name of Object.getOwnPropertyNames(of)) names.add(name);
  return [...names].filter((name) => !NOT_FOR_USERS.includes(name));
}
const verbsOf = (classRef: { prototype: object }): string[] => membersOf(classRef).filter((name) => name !== 'toJSON');

describe('The reference has every', () => {
  it('verb of QueueService, and Queue has them, too', () => {
    expect(first(page, '| verb').sort()).toEqual(verbsOf(QueueService).sort());
    expect([...verbsOf(Queue), 'alerts', 'doctor', 'list', 'processes'].sort()).toEqual(verbsOf(QueueService).sort());
  });

  it('member of JobHandle', () => {
    expect(first(page, '| member').sort()).toEqual([...membersOf(JobHandle), 'created', 'conflict'].sort());
  });

  it('state', () => {
    expect(first(page, '| state').sort()).toEqual([...JOB_STATES].sort());
  });

  it('event', () => {
    expect(first(page, '| event').sort()).toEqual([...STORE_EVENT_NAMES].sort());
  });

  it('error, with its code', () => {
    const names = Object.entries(exported)
      .filter(([, value]) => typeof value === 'function' && value.prototype instanceof TaskQueueError)
      .map(([name]) => name);
    const codes = new Map([...ERROR_FILES, 'schedules/rule/schedule-errors.ts'].flatMap((file) => readCodes(file)));
    const rows = readTable(page, '| error').map(([name, code]) => [textOf(name), textOf(code)]);
    expect(rows.sort()).toEqual(names.map((name) => [name, codes.get(name)]).sort());
  });
});

it.each(['lifecycle.md', join('guides', 'retries-and-dead-letters.md')])(
  '%s has every reason for a dead job',
  (file) => {
    expect(reasons(join(root, 'docs', file)).sort()).toEqual([...DEAD_REASONS].sort());
  },
);

/** A code is a field of each error, and so on no prototype. */
function readCodes(file: string): [string, string][] {
  const source = readFileSync(join(root, 'src', file), 'utf8');
  return [...source.matchAll(/^export class (\w+)[^]*?\bcode\b[^=]*= '(\w+)'/gm)].map(([, name, code]) => [name, code]);
}
