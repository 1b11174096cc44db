import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonCodec } from '../../src/core/codec.js';
import { encodeEnvelope, encodeSettledLine, type EnvelopeHeader } from '../../src/core/envelope.js';
import { InvalidValueError } from '../../src/core/errors/option-errors.js';
import { WhereSyntaxError } from '../../src/core/errors/where-errors.js';
import { Redactor } from '../../src/core/redactor.js';
import type { StoredJob } from '../../src/core/ports/curation.js';
import { testOf } from '../../src/inspector/where/job-test.js';
import { valuesAt } from '../../src/inspector/where/job-texts.js';
import { needlesOf } from '../../src/inspector/where/needles.js';
import { readWhere } from '../../src/inspector/where/where-reader.js';
import type { QueueScope } from '../../src/queue/queue-scope.js';

const scope = { queue: 'mail', codec: jsonCodec, redactor: undefined } as unknown as QueueScope;
const NOW = 1_800_000_000_000;

const quoted = (text: string) => `"${text.replaceAll(/[\\"]/g, '\\$&')}"`;

/** Words as they stand in payloads, with all that JSON escapes. */
const word = fc.oneof(
  fc.constantFrom(
    'a',
    'default',
    'unknown',
    'ECONN',
    'a b',
    'é',
    '"',
    '\\',
    '/',
    '<b>',
    '10',
    '1.0',
    '-5',
    '1e3',
    'true',
    'null',
  ),
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
);
const key = fc.constantFrom('a', 'b', 'user', 'card', 'password', '0');
const leaf = fc.oneof(
  word,
  fc.integer({ min: -20, max: 20 }),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.constant(null),
);
const payload = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** As other languages write it: more spaces, and other characters escaped. */
function spelledElsewhere(json: string): string {
  let isText = false;
  let spelled = '';
  for (let index = 0; index < json.length; index++) {
    const character = json[index];
    if (isText && character === '\\') spelled += character + json[++index];
    else if (character === '"') {
      isText = !isText;
      spelled += character;
    } else if (isText && /[^\x20-\x7e]|[<>&='/]/.test(character)) {
      spelled += `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    } else spelled += !isText && /[,:]/.test(character) ? `${character} ` : character;
  }
  return spelled;
}

const job = fc.record({
  payload,
  name: fc.option(word, { nil: undefined }),
  schedule: fc.option(word, { nil: undefined }),
  attempt: fc.option(fc.integer({ min: 2, max: 5 }), { nil: undefined }),
  error: fc.option(fc.tuple(word, word), { nil: undefined }),
  end: fc.option(fc.record({ reason: word, name: word, message: word }), { nil: undefined }),
  isElsewhere: fc.boolean(),
});

type Shape = typeof job extends fc.Arbitrary<infer T> ? T : never;

function storedOf({ payload, name, schedule, attempt, error, end, isElsewhere }: Shape): StoredJob {
  const header: EnvelopeHeader = {};
  if (name !== undefined) header.n = name;
  if (attempt !== undefined) header.a = attempt;
  if (schedule !== undefined) header.c = { name: schedule, missed: 0 };
  if (error !== undefined) header.e = [{ attempt: 1, at: NOW, name: error[0], message: error[1] }];
  const json = JSON.stringify(payload);
  const envelope = encodeEnvelope(NOW - 5000, 'user-1', header, isElsewhere ? spelledElsewhere(json) : json);
  const record =
    end === undefined ? envelope : `${encodeSettledLine('dead', NOW - 1000, JSON.stringify(end))}\n${envelope}`;
  const state = end === undefined ? 'ready' : 'dead';
  return {
    id: 'hq1ol1dk00',
    state,
    record,
    dueAt: undefined,
    progress: undefined,
    cancelling: false,
    token: undefined,
  };
}

/** Every path of a payload with the value there. */
function pathsOf(value: unknown, path: string[] = []): { path: string[]; value: unknown }[] {
  const here = path.length === 0 ? [] : [{ path, value }];
  if (typeof value !== 'object' || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([name, child]) => pathsOf(child, [...path, name]))];
}

/** Terms of which most fit the job. */
function termsFor(shape: Shape): string[] {
  const { name, schedule, attempt, error, end } = shape;
  const terms = ['age:>1ms', 'priority:0', 'id:user*', 'id:user-1', 'id:hq1*', `name:${quoted(name ?? 'default')}`];
  if (schedule !== undefined) terms.push(`schedule:${quoted(schedule)}`, `schedule:${quoted(schedule.slice(0, 2))}*`);
  if (attempt !== undefined) terms.push(`attempts:${attempt}`, `attempts:>=${attempt}`);
  if (error !== undefined) terms.push(`error:${quoted(`${error[0]}: ${error[1]}`)}`);
  if (end !== undefined)
    terms.push(`reason:${quoted(end.reason)}`, `error:${quoted(end.message)}`, `error:${quoted(`${end.name}: `)}*`);
  for (const { path, value } of pathsOf(shape.payload)) {
    const field = `payload.${path.join('.')}`;
    terms.push(`${field}:*`);
    if (typeof value === 'number') terms.push(`${field}:>=-1000000`, `${field}:${quoted(String(value))}`);
    if (typeof value === 'string' && value !== '')
      terms.push(`${field}:${quoted(value)}`, quoted(value), `${field}:${quoted(value.slice(0, 1))}*`);
    if (typeof value === 'boolean' || value === null) terms.push(`${field}:${value}`);
    terms.push(quoted(JSON.stringify(value).slice(0, 12)));
  }
  return terms;
}

describe('where', () => {
  it('is read, or refused with a place in it, whatever the text', () => {
    const pieces = fc.constantFrom(
      'state:',
      'dead',
      'name:',
      '"',
      '\\',
      ':',
      ',',
      '|',
      '-',
      '*',
      '>',
      '<=',
      'payload.',
      'age:',
      '1h',
      ' ',
      '.',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            expect(readWhere(text, undefined).text).toBe(text);
          } catch (error) {
            if (!(error instanceof WhereSyntaxError)) throw error;
            expect(error.position).toBeGreaterThanOrEqual(1);
            expect(error.position).toBeLessThanOrEqual(text.length + 1);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('reads a quoted text as it is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 40 }), (text) => {
        expect(readWhere(`name:${quoted(text)}`, undefined).terms[0].values).toEqual([{ kind: 'is', text }]);
        expect(readWhere(quoted(text), undefined).terms[0].values).toEqual([{ kind: 'is', text }]);
      }),
    );
  });

  it('hides no job that fits from whoever looks at its texts', () => {
    fc.assert(
      fc.property(job, (shape) => {
        const stored = storedOf(shape);
        for (const term of termsFor(shape)) {
          const where = readWhere(term, undefined);
          if (!testOf(scope, where, NOW)(stored)) continue;
          const needles = needlesOf(where, jsonCodec);
          const isFound = needles.every(({ anyOf }) =>
            anyOf.some((text) => stored.record.includes(text) || stored.id.includes(text)),
          );
          if (!isFound) throw new Error(`${term} looks for ${JSON.stringify(needles)} in ${stored.record}`);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('fits where its negation does not', () => {
    fc.assert(
      fc.property(job, (shape) => {
        const stored = storedOf(shape);
        for (const term of termsFor(shape)) {
          const fits = testOf(scope, readWhere(term, undefined), NOW)(stored);
          expect(testOf(scope, readWhere(`-${term}`, undefined), NOW)(stored)).toBe(!fits);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('looks at no value that is redacted', () => {
    const rule = fc
      .array(fc.oneof(key, fc.constant('*')), { minLength: 1, maxLength: 3 })
      .map((keys) => keys.join('.'));
    fc.assert(
      fc.property(payload, fc.array(rule, { minLength: 1, maxLength: 3 }), (value, rules) => {
        const redactor = new Redactor(rules);
        const shown = redactor.redact(value);
        for (const { path } of pathsOf(value)) {
          if (redactor.hides(path)) continue;
          const isLeaf = (one: unknown) => typeof one !== 'object' || one === null;
          // What can be compared is what is shown.
          const compared = valuesAt(value, path, redactor).filter(isLeaf);
          const visible = valuesAt(shown, path, undefined).filter((one) => isLeaf(one) && one !== '[redacted]');
          expect(compared.filter((one) => !visible.includes(one))).toEqual([]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses by type what is no text', () => {
    for (const given of [undefined, 1, {}, 'x'.repeat(2001)])
      expect(() => readWhere(given, undefined)).toThrow(InvalidValueError);
  });
});
