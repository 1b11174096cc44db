import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { jsonCodec, type Codec, type CodecContext } from './codec.js';
import { DecryptionError, UnknownKeyError } from './errors/codec-errors.js';
import { InvalidPayloadError } from './errors/enqueue-errors.js';
import { InvalidValueError } from './errors/option-errors.js';
import { findIssues, isSurelyFaithful } from './json-fidelity.js';
import { readBoolean, refuseUnknownKeys, requireObject } from './option-checks.js';

export interface EncryptedCodecOptions {
  /** Keys by id: 32 random bytes each, as a Buffer or in base64. Every key that stored texts may need. */
  keys: Readonly<Record<string, Uint8Array | string>>;
  /** Id of the key that encrypts. */
  current: string;
  /** What turns values into text before it is encrypted, default JSON. */
  inner?: Codec;
  /**
   * Reads texts that are not encrypted, too, default false: while a queue still holds jobs from before, or is fed by an
   * inbox. Whoever can write to Redis can then enqueue.
   */
  acceptPlaintext?: boolean;
}

const MARK = 'tq1';
const KEY_BYTES = 32;
/** 96 bits, as GCM is made for; random, so processes need no common counter. Change keys before 2^32 texts. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
const TEXT = /^tq1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)$/;

/**
 * Encrypts payloads, results and progress at rest with AES-256-GCM.
 *
 *     "tq1." key id "." base64url of (job name, newline, job id) "." base64url of (nonce, tag, ciphertext)
 *
 * Key id, queue, field, job name and job id are authenticated with each text: one that was moved to another place does
 * not decrypt. Job name and id stand in the text as well, for readers that do not know them (events).
 *
 * @example
 * ```ts
 * codec: encryptedCodec({ keys: { v1: process.env.QUEUE_KEY }, current: 'v1' })
 * ```
 * @throws InvalidValueError, UnknownOptionError
 */
export function encryptedCodec(options: EncryptedCodecOptions): Codec {
  requireObject(options, 'options of encryptedCodec', 'pass { keys: { v1: key }, current: "v1" }');
  refuseUnknownKeys(options, ['keys', 'current', 'inner', 'acceptPlaintext'], 'encryptedCodec', ['inner']);
  const keys = readKeys(options.keys);
  const { current, inner = jsonCodec } = options;
  const acceptPlaintext = readBoolean(options.acceptPlaintext, 'acceptPlaintext in encryptedCodec') ?? false;
  const currentKey = keys.get(current);
  if (currentKey === undefined) {
    throw new InvalidValueError(
      'current in encryptedCodec',
      current,
      `name one of the keys: ${[...keys.keys()].join(', ')}`,
    );
  }
  return {
    encode: (value, context) => {
      if (inner === jsonCodec) refuseLoss(value, context);
      const text = inner.encode(value, context) as string | undefined;
      if (text === undefined) return text as never; // JSON has none for undefined, and no result is stored for it
      const name = context.jobName ?? '';
      const id = context.jobId ?? '';
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', currentKey, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(placeOf(current, context, name, id));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      const place = Buffer.from(`${name}\n${id}`).toString('base64url');
      return `${MARK}.${current}.${place}.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
    },
    decode: (text, context) => {
      const parts = TEXT.exec(text);
      if (parts === null) {
        if (acceptPlaintext && !text.startsWith(`${MARK}.`)) return inner.decode(text, context);
        throw new DecryptionError(context, 'the text is not one that this codec wrote');
      }
      return inner.decode(open(keys, parts, context), context);
    },
  };
}

function open(keys: ReadonlyMap<string, KeyObject>, parts: RegExpExecArray, context: CodecContext): string {
  const [, keyId, place, body] = parts;
  const key = keys.get(keyId);
  if (key === undefined) throw new UnknownKeyError(keyId, [...keys.keys()]);
  const [name, id = ''] = Buffer.from(place, 'base64url').toString().split('\n');
  const isElsewhere =
    (context.jobName !== undefined && context.jobName !== name) ||
    (context.jobId !== undefined && context.jobId !== id);
  if (isElsewhere) throw new DecryptionError(context, 'the text belongs to another job');
  const bytes = Buffer.from(body, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new DecryptionError(context, 'the text was cut');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(placeOf(keyId, context, name, id));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch (cause) {
    const why = 'the text was changed or moved, or its key id now names another key';
    throw new DecryptionError(context, why, { cause });
  }
}

/** None of these can hold a newline: no two places have the same text. */
function placeOf(keyId: string, { queue, field }: CodecContext, name: string, id: string): Buffer {
  return Buffer.from([MARK, keyId, queue, field, name, id].join('\n'));
}

/** What JSON drops or changes in silence is refused, as it is without encryption. */
function refuseLoss(value: unknown, { queue, jobName, field }: CodecContext): void {
  if (field !== 'payload' || isSurelyFaithful(value)) return;
  const issues = findIssues(value);
  if (issues.length > 0) throw new InvalidPayloadError(queue, jobName ?? '', issues);
}

function readKeys(given: unknown): Map<string, KeyObject> {
  requireObject(given, 'keys in encryptedCodec', 'pass an object of keys by id, such as { v1: key }');
  const keys = new Map<string, KeyObject>();
  for (const [id, key] of Object.entries(given)) {
    if (!KEY_ID.test(id)) {
      throw new InvalidValueError('key id in encryptedCodec', id, 'use 1–32 letters, digits, "_" or "-"');
    }
    keys.set(id, readKey(id, key));
  }
  return keys;
}

/** The error never shows what was given. */
function readKey(id: string, given: unknown): KeyObject {
  const bytes = typeof given === 'string' ? Buffer.from(given, 'base64') : given;
  if (bytes instanceof Uint8Array && bytes.length === KEY_BYTES) return createSecretKey(bytes);
  const what =
    typeof given === 'string' ? 'a text' : given instanceof Uint8Array ? `${given.length} bytes` : typeof given;
  const remedy = 'a key has 32 random bytes, as a Buffer or in base64: openssl rand -base64 32';
  throw new InvalidValueError(`keys.${id} in encryptedCodec (its value is not shown)`, what, remedy);
}
