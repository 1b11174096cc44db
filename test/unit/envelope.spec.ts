import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope, encodeFailed, newestErrorOf } from '../../src/core/envelope.js';
import type { EnvelopeHeader } from '../../src/core/envelope.js';
import type { ErrorRecord } from '../../src/core/job.js';
import { appendError, recordError } from '../../src/worker/error-history.js';

const BACKOFF = { type: 'fixed', delayMs: 5, maxMs: 10, jitter: 0 };
const ERROR: ErrorRecord = { attempt: 1, at: 5, name: 'Error', message: 'no', stack: 'Error: no\n    at x (y:1:2)' };

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '],"',
    '}]}',
    '"',
    '\\',
    '\n',
    ',"e":[{"attempt":',
    '{"attempt":',
    'foo],',
    'foo}]',
    '\ud800',
    'ü€😀',
  ),
);
const headers: fc.Arbitrary<EnvelopeHeader> = fc.record(
  {
    n: fc.constantFrom('welcome', 'e', 'a]b'),
    m: fc.nat(20),
    a: fc.integer({ min: 2, max: 20 }),
    b: fc.constant(BACKOFF),
    s: fc.nat(),
    c: fc.record({ name: texts, missed: fc.nat(3) }),
    r: fc.constant({ completed: false as const }),
  },
  { requiredKeys: [] },
);
const errors: fc.Arbitrary<ErrorRecord[]> = fc
  .array(fc.tuple(texts, texts, fc.nat(900)), { minLength: 1, maxLength: 14 })
  .map((list) =>
    list.map(([message, name, size], index) => {
      const error = Object.assign(new Error(message.repeat(1 + (size % 7))), { name });
      error.stack = `${message}${'x'.repeat(size)}`;
      return recordError(error, index + 1, 1000 + index);
    }),
  );

describe('the envelope of a job that failed', () => {
  it('is the one that its header, attempt and errors make, however often it failed', () => {
    fc.assert(
      fc.property(headers, errors, texts, fc.constantFrom(undefined, 'order-7'), (header, records, payload, userId) => {
        let text = encodeEnvelope(1_700_000_000_000, userId, header, payload);
        let expected: ErrorRecord[] = [];
        records.forEach((record, index) => {
          const envelope = decodeEnvelope(text);
          expected = appendError(expected, record);
          text = encodeFailed(envelope, index + 2, appendError(envelope.header.e, record));
          const { a: _attempt, ...rest } = header;
          const whole = { ...rest, a: index + 2, e: JSON.parse(JSON.stringify(expected)) as ErrorRecord[] };
          expect(decodeEnvelope(text)).toEqual({ enqueuedAt: 1_700_000_000_000, userId, header: whole, payload });
          expect(newestErrorOf(text)).toBe(JSON.stringify(expected.at(-1)));
        });
      }),
    );
  });

  it.each([
    ['first', '{"e":[{"attempt":1,"name":"a","message":"b"}],"a":2}'],
    ['in the middle', '{"a":2,"e":[{"attempt":1,"name":"a","message":"b"}],"m":3}'],
    ['before another list', '{"a":2,"e":[{"attempt":1,"name":"a","message":"b"}],"z":[{}]}'],
    ['of another shape', '{"a":2,"e":[{"name":"a","message":"b"}]}'],
    ['before an end that looks like one', '{"a":2,"e":[{"attempt":1,"name":"a","message":"],"}]}'],
  ])('reads the errors of others wherever they stand: %s', (_where, header) => {
    const envelope = decodeEnvelope(`1abc ${header}\n{}`);
    expect(envelope.header).toEqual(JSON.parse(header));
    const failed = encodeFailed(envelope, 3, appendError(envelope.header.e, ERROR));
    expect(decodeEnvelope(failed).header.e).toEqual([...(envelope.header.e as ErrorRecord[]), ERROR]);
    expect(newestErrorOf(failed)).toBe(JSON.stringify(ERROR));
  });

  it.each(['{"a":2,"e":[{"attempt":1}]}', '{"a":2,"e":[{"attempt":}]}', '{"a":,"e":[{"attempt":1}]}'])(
    'is unreadable with broken parts: %s',
    (header) => {
      expect(() => decodeEnvelope(`1abc ${header}\n{}`)).toThrow(/^Envelope header/);
    },
  );

  it.each([
    ['of a job that has not failed', '1abc order-7 {"m":3}\n{"e":[{"attempt":1}]}'],
    ['without a header', '1abc\n{"e":[{"attempt":1}]}'],
    ['where errors stand before other fields', '1abc {"e":[{"attempt":1,"name":"a","message":"b"}],"a":2}\n1'],
  ])('has no newest error %s', (_which, text) => {
    expect(newestErrorOf(text)).toBe('');
  });
});

it('keeps what it does not know of a header through a failure', () => {
  const opened = decodeEnvelope('1 {"m":2,"later":[1]}\n1');
  expect(encodeFailed(opened, 2, [ERROR])).toContain('"later":[1]');
});
