import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.js';
import { mergeHeaders, packHeaders, readJobHeaders, unpackHeaders } from '../../src/core/job-headers.js';

const many = (count: number, value = 'x') =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, value]));
class Headed {
  tenant = 'acme';
}

describe('headers of a job', () => {
  it.each([
    {},
    { tenant: 'acme' },
    { 'X-Request-Id': '', näme: 'wért ✓', ' ': ' ' },
    many(16),
    { a: 'x'.repeat(2047) },
    Object.assign(Object.create(null) as object, { tenant: 'acme' }),
    runInNewContext('({ tenant: "acme" })') as object,
    JSON.parse('{"__proto__":"x","constructor":"y","n":"\\"n\\":\\"z\\""}') as object,
  ])('take %j, and bring it back', (given) => {
    const read = readJobHeaders(given, 'here');
    expect(Object.entries(read)).toEqual(Object.entries(given));
    const packed = packHeaders(read);
    expect(packed === undefined).toBe(Object.keys(given).length === 0);
    const stored = encodeEnvelope(1, undefined, { h: packed }, '1');
    expect(Object.entries(unpackHeaders(decodeEnvelope(stored).header.h))).toEqual(Object.entries(given));
    // Scripts look for the name of a job.
    expect(stored).not.toMatch(/"n"\s*:/);
  });

  it.each([
    ['tenant=acme', 'Invalid headers in here: "tenant=acme". Pass a plain object'],
    [null, 'Pass a plain object'],
    [[['tenant', 'acme']], 'Pass a plain object'],
    [new Map([['tenant', 'acme']]), 'Object.fromEntries makes one of a Map or Headers'],
    [new Headers({ tenant: 'acme' }), 'Pass a plain object'],
    [new URLSearchParams('a=1'), 'Pass a plain object'],
    [new Headed(), 'Pass a plain object'],
    [
      { tenant: 7 },
      'Invalid headers["tenant"] in here: 7. A header is a text: convert the value, or leave the header out',
    ],
    [{ tenant: undefined }, 'headers["tenant"] in here: undefined'],
    [{ tenant: ['a'] }, 'headers["tenant"] in here: ["a"]'],
    [{ '': 'x' }, 'headers[""] in here'],
    [{ 'a\nb': 'x' }, String.raw`headers["a\nb"] in here`],
    [{ a: 'x\r\ny' }, 'control characters'],
    [{ a: '\u0000' }, 'control characters'],
    [many(17), 'at most 16 headers'],
    [{ a: 'x'.repeat(2048) }, 'Invalid headers in here: "2049 bytes". Use at most 2048 bytes'],
    [{ a: 'ü'.repeat(1024) }, '2049 bytes'],
  ])('refuse %p', (given, message) => {
    let error: unknown;
    try {
      readJobHeaders(given, 'here');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE', message: expect.stringContaining(message) });
  });

  it('of a call win over those of its definition, within the same bounds', () => {
    const defined = { source: 'shop', tenant: 'none' };
    expect(mergeHeaders(defined, { tenant: 'acme' }, 'here')).toEqual({ source: 'shop', tenant: 'acme' });
    expect(mergeHeaders(defined, undefined, 'here')).toBe(defined);
    expect(mergeHeaders(undefined, undefined, 'here')).toBeUndefined();
    expect(() =>
      mergeHeaders(
        many(10),
        { a: 'x', ...many(3), ...Object.fromEntries(Object.entries(many(8)).map(([k, v]) => [`o${k}`, v])) },
        'here',
      ),
    ).toThrow('at most 16 headers');
  });
});

it('a job without headers stores not one byte more', () => {
  expect(encodeEnvelope(1, undefined, { n: 'a', h: packHeaders({}) }, '1')).toBe(
    encodeEnvelope(1, undefined, { n: 'a' }, '1'),
  );
});
