import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeEnvelope, openEnvelope } from '../../src/core/envelope.js';
import { appendError, recordError, writeHistory } from '../../src/worker/error-history.js';
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

  it('has no stack where it is not worth being written, and does not look at it', () => {
    let looks = 0;
    const error = Object.defineProperty(new RangeError('no'), 'stack', { get: () => `${++looks}` });
    expect(recordError(error, 1, 5, undefined, false)).toEqual({
      attempt: 1,
      at: 5,
      name: 'RangeError',
      message: 'no',
    });
    expect(looks).toBe(0);
    expect(recordError(error, 1, 5)).toMatchObject({ stack: '1' });
  });

  it('is written as JSON writes it, also where different errors take turns', () => {
    const odd = ['', 'no', 'Error', '"', '\\', '\n', '\u0000', '\u2028', '\ud800', '{"attempt":1', ']}', '😀', 'ü'];
    const texts = fc.oneof(fc.constantFrom(...odd), fc.string({ unit: 'binary' }));
    const record: fc.Arbitrary<ErrorRecord> = fc.record(
      { attempt: fc.nat(), at: fc.nat(), name: texts, message: texts, stack: texts },
      { requiredKeys: ['attempt', 'at', 'name', 'message'] },
    );
    const fresh = openEnvelope(encodeEnvelope(5, undefined, undefined, '1'));
    fc.assert(
      fc.property(record, record, fc.array(fc.boolean(), { maxLength: 8 }), (one, other, turns) => {
        const mixed = { ...one, message: other.message };
        for (const each of [one, other, mixed, one, ...turns.map((first) => (first ? one : other))]) {
          const { attempt, at, name, message, stack } = each;
          const whole = { attempt, at, name, message, ...(stack === undefined ? {} : { stack }) };
          expect(writeHistory(fresh, whole)).toBe(JSON.stringify([whole]));
        }
      }),
    );
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
