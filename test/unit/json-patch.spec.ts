import { describe, expect, it } from '@jest/globals';
import { applyJsonPatch, type JsonPatchOperation } from '../../src/core/json-patch.js';

const parse = (text: string): unknown => JSON.parse(text);

// From the appendix of RFC 6902, and its edges.
describe('A JSON Patch', () => {
  it.each<[string, string, JsonPatchOperation[], string]>([
    ['adds a member', '{"a":1}', [{ op: 'add', path: '/b', value: 2 }], '{"a":1,"b":2}'],
    ['replaces by add', '{"a":1}', [{ op: 'add', path: '/a', value: null }], '{"a":null}'],
    ['adds to a list', '{"a":[1,3]}', [{ op: 'add', path: '/a/1', value: 2 }], '{"a":[1,2,3]}'],
    ['adds at the end', '{"a":[1]}', [{ op: 'add', path: '/a/-', value: [2] }], '{"a":[1,[2]]}'],
    ['adds at the length', '[1]', [{ op: 'add', path: '/1', value: 2 }], '[1,2]'],
    ['removes', '{"a":1,"b":[1,2]}', [{ op: 'remove', path: '/b/0' }, { op: 'remove', path: '/a' }], '{"b":[2]}'], // prettier-ignore
    ['replaces', '{"a":{"b":1}}', [{ op: 'replace', path: '/a/b', value: 2 }], '{"a":{"b":2}}'],
    ['replaces all', '{"a":1}', [{ op: 'replace', path: '', value: [1] }], '[1]'],
    ['moves', '{"a":{"b":1},"c":{}}', [{ op: 'move', from: '/a/b', path: '/c/d' }], '{"a":{},"c":{"d":1}}'],
    ['moves in a list', '[1,2,3]', [{ op: 'move', from: '/0', path: '/2' }], '[2,3,1]'],
    ['moves to itself', '{"a":1}', [{ op: 'move', from: '/a', path: '/a' }], '{"a":1}'],
    ['copies', '{"a":[1]}', [{ op: 'copy', from: '/a', path: '/b' }, { op: 'add', path: '/b/-', value: 2 }], '{"a":[1],"b":[1,2]}'], // prettier-ignore
    ['tests', '{"a":{"b":[1]}}', [{ op: 'test', path: '/a', value: { b: [1] } }], '{"a":{"b":[1]}}'],
    ['knows escapes', '{"a/b":1,"m~n":2,"":3}', [{ op: 'remove', path: '/a~1b' }, { op: 'remove', path: '/m~0n' }, { op: 'remove', path: '/' }], '{}'], // prettier-ignore
    ['knows ~01', '{"~1":1}', [{ op: 'remove', path: '/~01' }], '{}'],
    ['takes any own key', '{"a":{}}', [{ op: 'add', path: '/a/constructor', value: 1 }], '{"a":{"constructor":1}}'],
  ])('%s', (_, before, patch, after) => {
    expect(applyJsonPatch(parse(before), patch)).toEqual(parse(after));
  });

  it.each<[string, unknown[], number, string, RegExp]>([
    ['a missing member', [{ op: 'replace', path: '/x', value: 1 }], 0, '/x', /does not have/],
    ['a missing parent', [{ op: 'add', path: '/x/y', value: 1 }], 0, '/x/y', /does not have/],
    ['an inherited member', [{ op: 'test', path: '/constructor', value: 1 }], 0, '/constructor', /does not have/],
    ['an inherited parent', [{ op: 'add', path: '/constructor/prototype/x', value: 1 }], 0, '/constructor/prototype/x', /does not have/], // prettier-ignore
    ['a place in a text', [{ op: 'add', path: '/t/0', value: 1 }], 0, '/t/0', /no object and no list/],
    ['an index that is none', [{ op: 'add', path: '/l/01', value: 1 }], 0, '/l/01', /no place of a list of 2/],
    ['an index behind the end', [{ op: 'add', path: '/l/3', value: 1 }], 0, '/l/3', /use 0 to 2/],
    ['the length of a list', [{ op: 'test', path: '/l/length', value: 2 }], 0, '/l/length', /does not have/],
    ['the end of a list', [{ op: 'remove', path: '/l/-' }], 0, '/l/-', /does not have/],
    [
      'another value',
      [
        { op: 'remove', path: '/t' },
        { op: 'test', path: '/a', value: 2 },
      ],
      1,
      '/a',
      /another value/,
    ],
    ['a move into itself', [{ op: 'move', from: '/o', path: '/o/p' }], 0, '/o', /inside/],
    ['the whole payload', [{ op: 'remove', path: '' }], 0, '', /replace it instead/],
    ['no pointer', [{ op: 'remove', path: 'a' }], 0, 'a', /no JSON Pointer/],
    ['a wrong escape', [{ op: 'remove', path: '/~2' }], 0, '/~2', /no JSON Pointer/],
    ['no path', [{ op: 'remove' }], 0, '', /no path/],
    ['no from', [{ op: 'copy', path: '/a' }], 0, '', /no from/],
    ['no value', [{ op: 'add', path: '/a' }], 0, '/a', /no value/],
    ['no op', [{ path: '/a' }], 0, '', /has the op/],
    ['another op', [{ op: 'toString', path: '/a' }], 0, '', /use add, replace/],
    ['an unknown member', [{ op: 'remove', path: '/a', why: 1 }], 0, '', /"why"/],
    ['no object', [5], 0, '', /no object/],
    ['__proto__', [{ op: 'add', path: '/__proto__/x', value: 1 }], 0, '/__proto__/x', /__proto__/],
    ['__proto__ in from', [{ op: 'copy', from: '/__proto__', path: '/a' }], 0, '/__proto__', /__proto__/],
    ['__proto__ in a value', [{ op: 'add', path: '/a', value: parse('{"b":[{"__proto__":{"x":1}}]}') }], 0, '/a', /__proto__/], // prettier-ignore
    ['a function', [{ op: 'add', path: '/a', value: () => {} }], 0, '/a', /JSON cannot carry/],
  ])('refuses %s, with its place', (_, patch, operation, path, message) => {
    const document = parse('{"a":1,"o":{},"l":[1,2],"t":"text"}');
    expect(() => applyJsonPatch(document, patch)).toThrow(
      expect.objectContaining({
        code: 'TASK_QUEUE_INVALID_PATCH',
        ...{ operation, path, message: expect.stringMatching(message) },
      }),
    );
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it.each([undefined, null, {}, 'x', Array.from({ length: 1001 }, () => ({ op: 'remove', path: '/a' }))])(
    'is a list of bounded length: not %p',
    (patch) => {
      expect(() => applyJsonPatch({}, patch)).toThrow('array of at most 1000 operations');
    },
  );

  it('takes nothing of what is passed by reference', () => {
    const value = { list: [1] };
    const patched = applyJsonPatch({}, [
      { op: 'add', path: '/a', value },
      { op: 'add', path: '/a/list/-', value: 2 },
    ]);
    expect([patched, value]).toEqual([{ a: { list: [1, 2] } }, { list: [1] }]);
  });
});
