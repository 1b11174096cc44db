import { describe, expect, it } from '@jest/globals';
import { readRedactedPaths, Redactor, REDACTED as X } from '../../src/core/redactor.js';

describe('Redactor', () => {
  it.each([
    [
      ['*.password'],
      { password: 1, user: { password: 2, name: 'a' } },
      { password: X, user: { password: X, name: 'a' } },
    ],
    [['*.password'], [{ password: 1 }, [{ password: 2 }]], [{ password: X }, [{ password: X }]]],
    [['card.number'], { card: { number: 1, kind: 'v' }, number: 2 }, { card: { number: X, kind: 'v' }, number: 2 }],
    [['items.0.code'], { items: [{ code: 1 }, { code: 2 }] }, { items: [{ code: X }, { code: 2 }] }],
    [['items.*.code'], { items: [{ code: 1 }], code: 2 }, { items: [{ code: X }], code: 2 }],
    [['user.*'], { user: { a: 1, b: { c: 2 } }, a: 3 }, { user: { a: X, b: X }, a: 3 }],
    [['*.a.*.b'], { a: { b: 1 }, x: { a: { y: { b: 2 } } }, b: 3 }, { a: { b: X }, x: { a: { y: { b: X } } }, b: 3 }],
    [['*.*'], { a: { b: 1 } }, { a: X }],
    [['card'], { card: { number: 1 } }, { card: X }],
    [['a', 'a.b'], { a: { b: 1 } }, { a: X }],
    [['password'], 'password', 'password'],
    [['password'], null, null],
    [['toString', 'length'], {}, {}],
  ])('%j of %j', (paths, value, shown) => {
    const before = JSON.stringify(value);
    expect(new Redactor(paths).redact(value)).toEqual(shown);
    expect(JSON.stringify(value)).toBe(before);
  });

  it('keeps __proto__ a field', () => {
    const value = JSON.parse('{"__proto__":{"password":"x","admin":true},"constructor":{"prototype":{"password":1}}}');
    const shown = new Redactor(['*.password']).redact(value) as object;
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
    expect(JSON.stringify(shown)).toBe(
      `{"__proto__":{"password":"${X}","admin":true},"constructor":{"prototype":{"password":"${X}"}}}`,
    );
    expect(new Redactor(['__proto__']).redact(value)).toEqual(
      JSON.parse(`{"__proto__":"${X}","constructor":{"prototype":{"password":1}}}`),
    );
  });

  it('leaves what is not plain data alone, and hides what is too deep to look at', () => {
    const date = new Date(0);
    expect(new Redactor(['*.x']).redact({ date })).toEqual({ date });
    const deep = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000));
    expect(JSON.stringify(new Redactor(['*.x']).redact(deep))).toContain(X);
  });

  it('hides in texts what it hides in the payload', () => {
    const redactor = new Redactor(['*.password', '*.pin', 'keys']);
    const payload = {
      user: { password: 'hunter2', name: 'ada' },
      pin: 123456,
      keys: ['alpha-key', { x: 'alpha-key-2' }],
    };
    expect(redactor.mask('ada used hunter2 (hunter2), 123456, alpha-key-2 and alpha-key', payload)).toBe(
      `ada used ${X} (${X}), ${X}, ${X} and ${X}`,
    );
    // Short values are everywhere: hiding them would hide nothing and spoil the text.
    expect(redactor.mask('a1b1', { pin: 1, password: 'b1' })).toBe('a1b1');
    expect(redactor.mask('nothing', undefined)).toBe('nothing');
  });
});

describe('redact option', () => {
  it.each([[undefined], [[]]])('%j hides nothing', (given) => {
    expect(readRedactedPaths(given)).toBeUndefined();
  });

  it.each([['*.password'], [['a..b']], [['']], [[7]], [['.a']], [Array.from({ length: 101 }, () => 'a')]])(
    'refuses %j',
    (given) => {
      expect(() => readRedactedPaths(given)).toThrow(expect.objectContaining({ code: 'TASK_QUEUE_INVALID_VALUE' }));
    },
  );
});
