import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { describeThrown, readThrown, stackOfThrown } from '../../src/core/thrown-reader.js';

function throwing(key: string, error: Error = new Error('kept')): Error {
  return Object.defineProperty(error, key, {
    get() {
      throw new Error(`getter of ${key}`);
    },
  });
}

describe('what was thrown', () => {
  it.each<[string, unknown, string, string]>([
    ['an error', new TypeError('no'), 'TypeError', 'no'],
    ['a cause', new Error('outer', { cause: new TypeError('inner') }), 'Error', 'outer (cause: TypeError: inner)'],
    [
      'causes of causes',
      new Error('a', { cause: new Error('b', { cause: new RangeError('c') }) }),
      'Error',
      'a (cause: Error: b (cause: RangeError: c))',
    ],
    ['a cause that is no error', new Error('a', { cause: { code: 7 } }), 'Error', 'a (cause: {"code":7})'],
    ['a cause that is a text', new Error('a', { cause: 'b' }), 'Error', 'a (cause: b)'],
    [
      'a cause that the message repeats',
      new Error('failed: inner', { cause: new Error('inner', { cause: new Error('root') }) }),
      'Error',
      'failed: inner (cause: Error: root)',
    ],
    [
      'an AggregateError',
      new AggregateError([new Error('one'), 'two', new RangeError('three')], 'all failed'),
      'AggregateError',
      'all failed (errors: Error: one; two; RangeError: three)',
    ],
    [
      'what fetch throws where no address answers',
      new TypeError('fetch failed', {
        cause: Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:1')]), { code: 'ECONNREFUSED' }),
      }),
      'TypeError',
      'fetch failed (cause: AggregateError: ECONNREFUSED (errors: Error: connect ECONNREFUSED ::1:1))',
    ],
    [
      'errors of a validator',
      Object.assign(new Error('invalid'), { errors: [new Error('name is missing'), { path: ['x'], message: 'no' }] }),
      'Error',
      'invalid (errors: Error: name is missing)',
    ],
    [
      'a SuppressedError',
      Object.assign(new Error('dispose failed'), {
        name: 'SuppressedError',
        error: new Error('second'),
        suppressed: new Error('first'),
      }),
      'SuppressedError',
      'dispose failed (errors: Error: second; Error: first)',
    ],
    ['an error of another realm', runInNewContext(`new TypeError('far', { cause: new Error('off') })`), 'TypeError', 'far (cause: Error: off)'], // prettier-ignore
    ['an AggregateError of another realm', runInNewContext(`new AggregateError(['x'], 'far')`), 'AggregateError', 'far (errors: x)'], // prettier-ignore
    ['what looks like an error', { name: 'Remote', message: 'gone', stack: 'Remote: gone' }, 'Remote', 'gone'],
    ['a DOMException', new DOMException('stopped', 'AbortError'), 'AbortError', 'stopped'],
    ['a plain object with a message', { status: 500, message: 'x' }, 'NonError', '{"status":500,"message":"x"}'],
    ['a text', 'plain', 'NonError', 'plain'],
    ['undefined', undefined, 'NonError', 'undefined'],
    ['a symbol', Symbol('s'), 'NonError', 'Symbol(s)'],
    ['an instance that JSON empties', new (class Fault { #why = 1; get why() { return this.#why; } })(), 'NonError', 'a Fault'], // prettier-ignore
    ['a symbol for a name', Object.assign(new Error('no'), { name: Symbol('odd') }), 'Symbol(odd)', 'no'],
    ['an object for a message', Object.assign(new Error('x'), { message: { code: 7 } }), 'Error', '{"code":7}'],
    ['no name', Object.assign(new RangeError('no'), { name: '' }), 'RangeError', 'no'],
    ['a stack that throws', throwing('stack'), 'Error', 'kept'],
    ['a cause that throws', throwing('cause'), 'Error', 'kept'],
    ['a message that throws', throwing('message', new TypeError('hidden')), 'TypeError', ''],
    ['a name that throws', throwing('name', new RangeError('kept')), 'RangeError', 'kept'],
    ['a getResponse that throws', Object.assign(new Error('kept'), { getResponse: () => { throw new Error('x'); } }), 'Error', 'kept'], // prettier-ignore
  ])('%s', (_what, thrown, name, message) => {
    expect(readThrown(thrown)).toEqual({ name, message });
  });

  it('ends where errors are each other’s cause', () => {
    const [one, other] = [new Error('one'), new Error('other')];
    one.cause = other;
    other.cause = one;
    expect(readThrown(one).message).toBe('one (cause: Error: other (cause: an error above))');
    expect(stackOfThrown(one).match(/\[cause\]/g)).toHaveLength(1);
  });

  it('is bounded, however deep and wide it is', () => {
    let chain = new Error('root');
    for (let level = 0; level < 10_000; level++) chain = new Error(`level ${level}`, { cause: chain });
    const wide = new AggregateError(
      Array.from({ length: 100_000 }, (_, index) => new Error(`e${index}`)),
      'wide',
    );
    const huge = new Error('x'.repeat(1e6), { cause: new Error('y'.repeat(1e6), { cause: new Error('z') }) });
    for (const thrown of [chain, wide, huge]) {
      expect(readThrown(thrown).message.length).toBeLessThanOrEqual(2000);
      expect(stackOfThrown(thrown).length).toBeLessThanOrEqual(10_000);
    }
    expect(readThrown(wide).message).toMatch(/Error: e0; .*; \d+ more\)$/);
    expect(readThrown(huge).message).toMatch(/\(cause: Error: y+… \(cause: Error: z\)\)$/);
  });

  it('is masked before it is cut, also in causes', () => {
    const mask = (text: string) => text.replaceAll('secret', '******');
    const thrown = new Error('a secret', { cause: new Error(`${'x'.repeat(296)}secret`) });
    expect(readThrown(thrown, mask).message).toMatch(/^a \*{6} \(cause: Error: x+\*{3}…\)$/);
  });

  it('never throws', () => {
    const fail = () => {
      throw new Error('trap');
    };
    const hostile = new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const thrown of [hostile, proxy, new Error('x', { cause: hostile }), new AggregateError([hostile, proxy])])
      for (const tell of [readThrown, describeThrown, stackOfThrown]) expect(() => tell(thrown)).not.toThrow();
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (thrown) => {
        expect(typeof describeThrown(thrown)).toBe('string');
        expect(typeof stackOfThrown(new Error('x', { cause: thrown }))).toBe('string');
      }),
    );
  });
});

describe('the stacks for a log', () => {
  it('are those of the error and its causes, and tell the errors that it holds', () => {
    const text = stackOfThrown(new Error('outer', { cause: new TypeError('inner') }));
    expect(text).toMatch(/^Error: outer\n    at [^]*\n\[cause\]: TypeError: inner\n    at /);
    expect(stackOfThrown(new AggregateError([new Error('one')], 'all'))).toContain('(errors: Error: one)');
    expect(stackOfThrown(runInNewContext(`new TypeError('far')`))).toMatch(/^TypeError: far\n/);
    expect(stackOfThrown(throwing('stack'))).toBe('Error: kept');
  });
});
