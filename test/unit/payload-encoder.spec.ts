import { Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import type { Codec } from '../../src/core/codec.js';
import { jsonCodec } from '../../src/core/codec.js';
import { InvalidPayloadError, PayloadTooLargeError } from '../../src/core/errors/enqueue-errors.js';
import { ConfigurationError } from '../../src/core/errors/option-errors.js';
import { encodeOutput, encodePayload } from '../../src/core/payload-encoder.js';

const encode = (value: unknown, limit = 262_144, codec: Codec = jsonCodec) =>
  encodePayload(codec, value, 'mail', 'welcome', limit);

function issuesOf(value: unknown): readonly { path: string; message: string }[] {
  try {
    encode(value);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidPayloadError);
    return (error as InvalidPayloadError).issues;
  }
  throw new Error('The payload was taken');
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { in: value };
  return value;
}

class Money {
  readonly #amount: number;
  constructor(amount: number) {
    this.#amount = amount;
  }
  get amount() {
    return this.#amount;
  }
}

class Purse {
  readonly #amount: number;
  constructor(amount: number) {
    this.#amount = amount;
  }
  total() {
    return this.#amount;
  }
}

class Coin extends Money {}

class Empty {}

describe('encodePayload', () => {
  it.each([
    ['null', null],
    ['a text', 'x\ny'],
    ['zero', 0],
    ['false', false],
    ['nested containers', { a: [1, [2, { b: null }]], c: '' }],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 })],
    ['lone surrogates', { text: '\ud800 \udfff' }],
    ['an own __proto__', JSON.parse('{"__proto__":{"admin":true}}')],
    ['1000 levels', nested(1000)],
  ])('carries %s', (_what, value) => {
    expect(JSON.parse(encode(value))).toEqual(value);
  });

  it('keeps an own __proto__ as data', () => {
    const text = encode(JSON.parse('{"__proto__":{"admin":true}}'));
    expect(text).toBe('{"__proto__":{"admin":true}}');
    expect(JSON.parse(text).admin).toBeUndefined();
  });

  it('leaves undefined properties out and writes what writes itself', () => {
    class Point {
      constructor(readonly x: number) {}
      norm() {
        return this.x;
      }
    }
    const value = {
      gone: undefined,
      at: new Date(0),
      point: new Point(1),
      money: { toJSON: () => '5 EUR' },
    };
    expect(encode(value)).toBe('{"at":"1970-01-01T00:00:00.000Z","point":{"x":1},"money":"5 EUR"}');
  });

  it.each<[string, unknown, string]>([
    ['a class without anything', new Empty(), '{}'],
    ['an instance with fields and getters', Object.assign(new Money(5), { currency: 'EUR' }), '{"currency":"EUR"}'],
    ['an instance with a toJSON', { at: new URL('http://x/') }, '{"at":"http://x/"}'],
    ['boxed values', { a: Object(5), b: Object('x'), c: Object(true) }, '{"a":5,"b":"x","c":true}'],
    ['a plain object of another realm', { a: runInNewContext('({ b: {} })') }, '{"a":{"b":{}}}'],
    ['a Date of another realm', runInNewContext('new Date(0)'), '"1970-01-01T00:00:00.000Z"'],
    ['minus zero', -0, '0'],
  ])('takes %s', (_what, value, text) => {
    expect(encode(value)).toBe(text);
  });

  it('refuses results and progress that JSON refuses or would empty, and leaves other losses to the handler', () => {
    const context = { queue: 'mail', jobName: 'welcome', jobId: '1', field: 'result' as const };
    expect(() => encodeOutput(jsonCodec, { seen: new Map() }, context)).toThrow(/^Invalid result for "mail\/welcome": seen: a Map/); // prettier-ignore
    expect(() => encodeOutput(jsonCodec, Buffer.from('a'), { ...context, field: 'progress' })).toThrow(/^Invalid progress/); // prettier-ignore
    const cyclic: Record<string, unknown> = { list: [1] };
    cyclic.list = [cyclic];
    expect(() => encodeOutput(jsonCodec, cyclic, context)).toThrow('Invalid result for "mail/welcome": list[0]: a cycle cannot be stored as JSON'); // prettier-ignore
    expect(() => encodeOutput(jsonCodec, { id: 5n }, context)).toThrow(/id: a BigInt cannot be stored as JSON: pass a string/); // prettier-ignore
    expect(() => encodeOutput(jsonCodec, 5n, context)).toThrow(/a BigInt cannot be stored as JSON: pass a string/);
    expect(encodeOutput(jsonCodec, { a: Number.NaN, b: () => 1, c: [undefined] }, context)).toBe(
      '{"a":null,"c":[null]}',
    );
    expect(encodeOutput(jsonCodec, () => 1, context)).toBeUndefined();
  });

  it('ignores enumerable functions that are inherited, as JSON does', () => {
    const value = Object.assign(Object.create({ method: () => 1 }), { a: 1 });
    expect(encode({ value })).toBe('{"value":{"a":1}}');
  });

  it.each([
    ['undefined', undefined, '', /undefined is not a payload/],
    ['a function', () => 1, '', /function/],
    ['a symbol', Symbol('x'), '', /symbol/],
    ['a BigInt', { user: { id: 5n } }, 'user.id', /BigInt.*string/],
    ['a function inside', { a: [{ run: () => 1 }] }, 'a[0].run', /function/],
    ['a symbol inside', { a: Symbol('x') }, 'a', /symbol/],
    ['NaN', { a: [1, Number.NaN] }, 'a[1]', /NaN would be stored as null/],
    ['Infinity', { a: -Infinity }, 'a', /-Infinity would be stored as null/],
    ['undefined in an array', { a: [undefined] }, 'a[0]', /null/],
    ['a Map', { seen: new Map() }, 'seen', /Map cannot/],
    ['a Set', { seen: new Set([1]) }, 'seen', /Set cannot/],
    ['a forgotten await', { user: Promise.resolve(1) }, 'user', /await/],
    ['an Error', { error: new TypeError('x') }, 'error', /name and message/],
    ['a RegExp', { pattern: /x/ }, 'pattern', /RegExp/],
    ['a Buffer', { file: { buffer: Buffer.from('a') } }, 'file.buffer', /Buffer.*toString\('base64'\)/],
    ['an ArrayBuffer', { bytes: new ArrayBuffer(2) }, 'bytes', /base64/],
    ['URLSearchParams', { query: new URLSearchParams('a=1') }, 'query', /URLSearchParams.*Object\.fromEntries/],
    ['a Blob', { file: new Blob(['x']) }, 'file', /Blob.*reference/],
    ['a FormData', { form: new FormData() }, 'form', /FormData/],
    ['Headers', { headers: new Headers({ a: '1' }) }, 'headers', /Object\.fromEntries\(headers\)/],
    ['a Request', { request: new Request('http://x') }, 'request', /Request.*url/],
    ['a Response', [new Response('x')], '[0]', /Response.*await response\.json/],
    ['a web stream', { body: new ReadableStream() }, 'body', /ReadableStream.*read it/],
    ['a stream of Node', { body: Readable.from(['x']) }, 'body', /stream.*read it/],
    ['an AbortSignal', { signal: new AbortController().signal }, 'signal', /AbortSignal would be stored as \{\}/],
    ['a WeakMap', { map: new WeakMap() }, 'map', /WeakMap/],
    ['a class of getters', { money: new Money(5) }, 'money', /Money would be stored as \{\}.*plain object/],
    ['a class of methods', { money: new Purse(5) }, 'money', /Purse would be stored as \{\}/],
    ['a subclass of those', new Coin(5), '', /Coin would be stored as \{\}/],
    [
      'an asynchronous toJSON',
      { user: { toJSON: async () => ({ a: 1 }) } },
      'user',
      /toJSON\(\) returns a promise.*await/,
    ],
    ['one that rejects', { user: { toJSON: async () => { throw new Error('no'); } } }, 'user', /returns a promise/], // prettier-ignore
    ['a boxed symbol', { a: Object(Symbol('x')) }, 'a', /Symbol/],
    ['a Map of another realm', { seen: runInNewContext('new Map()') }, 'seen', /Map cannot/],
    ['an invalid Date of another realm', { at: runInNewContext('new Date(NaN)') }, 'at', /invalid Date/],
    ['a typed array', { bytes: new Uint8Array(2) }, 'bytes', /Uint8Array/],
    ['an invalid Date', { at: new Date(Number.NaN) }, 'at', /invalid Date/],
    ['a getter that throws', { get a() { throw new Error('closed'); } }, '', /closed/], // prettier-ignore
    ['a toJSON that throws', { a: { toJSON: () => { throw new Error('no'); } } }, '', /no/], // prettier-ignore
    ['a toJSON that gives undefined', { toJSON: () => undefined }, '', /nothing/],
  ])('refuses %s and says where', (_what, value, path, message) => {
    const [issue] = issuesOf(value);
    expect(issue.path).toBe(path);
    expect(issue.message).toMatch(message);
  });

  it('finds cycles and bottomless payloads', () => {
    const cyclic: Record<string, unknown> = { a: {} };
    (cyclic.a as Record<string, unknown>).back = cyclic;
    expect(issuesOf(cyclic)).toEqual([{ path: 'a.back', message: expect.stringMatching(/cycle/) }]);
    const [issue] = issuesOf(nested(100_000));
    expect(issue.message).toMatch(/1000 levels/);
    expect(issue.path.length).toBeLessThanOrEqual(120);
  });

  it('takes the same object twice side by side', () => {
    const shared = { n: Number.MAX_SAFE_INTEGER };
    expect(encode({ a: shared, b: [shared], when: new Date(0) })).toContain('"b":[{"n":9007199254740991}]');
  });

  it('names a few culprits at most', () => {
    expect(issuesOf(Array.from({ length: 50 }, () => () => 1)).length).toBe(5);
  });

  it('counts bytes, not characters', () => {
    expect(encode('é'.repeat(4), 10)).toBe('"éééé"');
    expect(() => encode('é'.repeat(5), 10)).toThrow(PayloadTooLargeError);
    try {
      encode('€'.repeat(5), 10);
    } catch (error) {
      expect(error).toMatchObject({ code: 'TASK_QUEUE_PAYLOAD_TOO_LARGE', bytes: 17, limit: 10 });
    }
  });

  it('leaves another codec to decide what it carries', () => {
    const codec: Codec = { encode: (value) => `<${String(value)}>`, decode: (text) => text };
    expect(encode(5n, 100, codec)).toBe('<5>');
    expect(() => encode(1, 100, { ...codec, encode: () => 'a\nb' })).toThrow(ConfigurationError);
    const failing = { ...codec, encode: () => { throw new Error('no key'); } }; // prettier-ignore
    expect(() => encode(1, 100, failing)).toThrow(/no key/);
  });
});
