import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { jsonCodec, type CodecContext } from '../../src/core/codec.js';
import { encryptedCodec } from '../../src/core/encrypted-codec.js';
import { encodePayload } from '../../src/core/payload-encoder.js';

const v1 = randomBytes(32);
const v2 = randomBytes(32);
const codec = encryptedCodec({ keys: { v1 }, current: 'v1' });
const place: CodecContext = { queue: 'mail', jobName: 'welcome', jobId: 'order-7', field: 'payload' };
const secret = { card: '4111 1111', note: 'grüß' };

describe('encryptedCodec', () => {
  it.each([
    ['an object', secret],
    ['null', null],
    ['an empty text', ''],
    ['a number', 0.1],
    ['a long text', 'x'.repeat(100_000)],
  ])('gives %s back', (_what, value) => {
    expect(codec.decode(codec.encode(value, place), place)).toEqual(value);
  });

  it('stores nothing of the value, on one line, and never the same text twice', () => {
    const texts = Array.from({ length: 100 }, () => codec.encode(secret, place));
    expect(new Set(texts).size).toBe(100);
    for (const text of texts) {
      expect(text).toMatch(/^tq1\.v1\.[\w-]*\.[\w-]+$/);
      const bytes = text.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
      expect([text, ...bytes].join()).not.toMatch(/4111|card|note/);
    }
  });

  it.each<[string, Partial<CodecContext>]>([
    ['queue', { queue: 'files' }],
    ['job name', { jobName: 'invoice' }],
    ['job', { jobId: 'order-8' }],
    ['job without an id', { jobId: '' }],
    ['field', { field: 'result' }],
  ])('refuses a text that was moved to another %s', (_what, elsewhere) => {
    const text = codec.encode(secret, place);
    expect(() => codec.decode(text, { ...place, ...elsewhere })).toThrow(
      expect.objectContaining({ code: 'TASK_QUEUE_DECRYPTION' }),
    );
  });

  it('refuses a text whose place was rewritten', () => {
    const [mark, key, , body] = codec.encode(secret, place).split('.');
    const other = Buffer.from('welcome\norder-8').toString('base64url');
    const text = [mark, key, other, body].join('.');
    expect(() => codec.decode(text, { ...place, jobId: 'order-8' })).toThrow(/changed or moved/);
    expect(() => codec.decode(text, { ...place, jobId: undefined, jobName: undefined })).toThrow(/changed or moved/);
  });

  it('is read without a known name and id, bound to queue and field all the same', () => {
    const text = codec.encode(secret, place);
    const unknown = { ...place, jobName: undefined, jobId: undefined };
    expect(codec.decode(text, unknown)).toEqual(secret);
    expect(() => codec.decode(text, { ...unknown, queue: 'files' })).toThrow(/changed or moved/);
  });

  it('refuses every text in which one bit was changed', () => {
    const text = codec.encode('x', place);
    const [mark, key, where, body] = text.split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] ^= 1 << (bit & 7);
      const forged = [mark, key, where, changed.toString('base64url')].join('.');
      expect(() => codec.decode(forged, place)).toThrow(/changed or moved/);
    }
    for (let length = 0; length < bytes.length; length++) {
      const cut = [mark, key, where, bytes.subarray(0, length).toString('base64url')].join('.');
      expect(() => codec.decode(cut, place)).toThrow(expect.objectContaining({ code: 'TASK_QUEUE_DECRYPTION' }));
    }
  });

  it('rotates: older keys read, the current one writes, a removed one is named', () => {
    const old = codec.encode(secret, place);
    const rotated = encryptedCodec({ keys: { v1, v2 }, current: 'v2' });
    expect(rotated.decode(old, place)).toEqual(secret);
    expect(rotated.encode(secret, place)).toMatch(/^tq1\.v2\./);
    const without = encryptedCodec({ keys: { v2: v2.toString('base64') }, current: 'v2' });
    expect(without.decode(rotated.encode(secret, place), place)).toEqual(secret);
    expect(() => without.decode(old, place)).toThrow(
      expect.objectContaining({ code: 'TASK_QUEUE_UNKNOWN_KEY', keyId: 'v1', known: ['v2'] }),
    );
  });

  it('does not take one key for another of the same id', () => {
    const other = encryptedCodec({ keys: { v1: v2 }, current: 'v1' });
    expect(() => other.decode(codec.encode(secret, place), place)).toThrow(/another key/);
  });

  it('has its own names alone', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const text = codec.encode(1, place).replace('.v1.', `.${name}.`);
      expect(() => codec.decode(text, place)).toThrow(expect.objectContaining({ code: 'TASK_QUEUE_UNKNOWN_KEY' }));
    }
  });

  it('refuses plain text unless it may come', () => {
    expect(() => codec.decode('{"a":1}', place)).toThrow(/not one that this codec wrote/);
    const lenient = encryptedCodec({ keys: { v1 }, current: 'v1', acceptPlaintext: true });
    expect(lenient.decode('{"a":1}', place)).toEqual({ a: 1 });
    expect(() => lenient.decode(`${lenient.encode(1, place)}!`, place)).toThrow(/not one that this codec wrote/);
  });

  it('encrypts what another codec makes', () => {
    const inner = { encode: (value: unknown) => `<${String(value)}>`, decode: (text: string) => text.slice(1, -1) };
    const outer = encryptedCodec({ keys: { v1 }, current: 'v1', inner });
    expect(outer.decode(outer.encode('a', place), place)).toBe('a');
  });

  it('refuses what JSON would lose, with its path', () => {
    const encode = (value: unknown) => encodePayload(codec, value, 'mail', 'welcome', 1000);
    expect(() => encode({ items: [new Map()] })).toThrow(/items\[0\]: a Map/);
    expect(() => encode({ a: 'x'.repeat(1000) })).toThrow(
      expect.objectContaining({ code: 'TASK_QUEUE_PAYLOAD_TOO_LARGE' }),
    );
  });

  it.each([
    [{}, /Invalid keys/],
    [{ keys: {}, current: 'v1' }, /Invalid current/],
    [{ keys: { v1 }, current: 'v2' }, /name one of the keys: v1/i],
    [{ keys: { 'v.1': v1 }, current: 'v.1' }, /Invalid key id/],
    [{ keys: { v1: v1.subarray(1) }, current: 'v1' }, /31 bytes/],
    [{ keys: { v1 }, current: 'v1', curent: 1 }, /Did you mean "current"/],
  ])('refuses %j at boot', (options, message) => {
    expect(() => encryptedCodec(options as never)).toThrow(message);
  });

  it('never shows a key', () => {
    expect(() => encryptedCodec({ keys: { v1: 'hunter2hunter2' }, current: 'v1' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2'), value: 'a text' }),
    );
  });

  it('leaves the JSON codec as it was', () => {
    expect(jsonCodec.encode({ a: 1 }, place)).toBe('{"a":1}');
  });
});
