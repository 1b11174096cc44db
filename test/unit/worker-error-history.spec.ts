import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { appendError, recordError } from '../../src/worker/error-history.js';
import type { ErrorRecord } from '../../src/core/job.js';
import type { Job } from '../../src/core/job-view.js';
import { runJobOfTaskQueue } from '../../src/worker/current-job.js';

const EIGHT_KIB = 8 * 1024;

describe('the record of a thrown value', () => {
  it('has name, message and the beginning of the stack', () => {
    const record = recordError(new TypeError('no'), 3, 1000);
    expect(record).toMatchObject({ attempt: 3, at: 1000, name: 'TypeError', message: 'no' });
    expect(record.stack).toMatch(/^TypeError: no\n/);
  });

  it('has no frames of the worker in its stack', () => {
    let record: ErrorRecord | undefined;
    runJobOfTaskQueue({} as Job, function handler() {
      record = recordError(new Error('no'), 1, 0);
    });
    expect(record?.stack).toMatch(/^Error: no\n    at handler \(.*\)$/);
  });

  it('has no stack where a getter of it throws', () => {
    const error = new RangeError('no');
    Object.defineProperty(error, 'stack', {
      get() {
        throw new Error('not this one');
      },
    });
    expect(recordError(error, 1, 5)).toEqual({ attempt: 1, at: 5, name: 'RangeError', message: 'no' });
  });

  it('is bounded, whatever is thrown, and JSON carries it', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }), (thrown) => {
        const record = recordError(thrown, 1, 0);
        expect(JSON.parse(JSON.stringify(record))).toEqual(record);
        expect(record.message.length).toBeLessThanOrEqual(2000);
      }),
    );
  });

  it('masks before it cuts', () => {
    const mask = (text: unknown) => String(text).replaceAll('secret', '******');
    const long = recordError(new Error(`${'x'.repeat(1996)}secret`), 1, 0, mask);
    expect(long.message).not.toContain('sec');
    expect(recordError('a secret', 1, 0, mask)).toMatchObject({ name: 'NonError', message: 'a ******' });
  });
});

describe('the history', () => {
  const error = (attempt: number, size: number, char = 'x'): ErrorRecord =>
    recordError(new Error(char.repeat(size)), attempt, attempt);

  it('keeps the last ten', () => {
    let history: ErrorRecord[] = [];
    for (let attempt = 1; attempt <= 25; attempt++) history = appendError(history, error(attempt, 5));
    expect(history.map(({ attempt }) => attempt)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
  });

  it('stays within 8 KiB as JSON, gives up older stacks before older messages, and never the newest', () => {
    const sizes = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.constantFrom('x', 'ü', '"', '\n', '\u0001', '€', '\ud800', '😀')),
      {
        minLength: 1,
        maxLength: 15,
      },
    );
    fc.assert(
      fc.property(sizes, (errors) => {
        let history: ErrorRecord[] = [];
        errors.forEach(([size, char], index) => (history = appendError(history, error(index + 1, size, char))));
        expect(history.at(-1)?.attempt).toBe(errors.length);
        if (history.length > 1) expect(Buffer.byteLength(JSON.stringify(history))).toBeLessThanOrEqual(EIGHT_KIB);
        const bare = history.findIndex(({ stack }) => stack !== undefined);
        if (bare > 0) expect(history.slice(0, bare).every(({ stack }) => stack === undefined)).toBe(true);
      }),
    );
  });

  it('does not change the one it was given', () => {
    const before = [error(1, 3000), error(2, 3000), error(3, 3000)];
    const copy = structuredClone(before);
    appendError(before, error(4, 3000));
    expect(before).toEqual(copy);
  });
});
