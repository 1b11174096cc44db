import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What would turn text into code. Redis' own EVAL is a command that stands in quotes. */
const FORBIDDEN: [string, RegExp][] = [
  ['eval', /(?<!['"`.\w])eval\s*\(/],
  ['Function from text', /\bnew\s+Function\b|(?<![\w.'"`])Function\s*\(/],
  ['node:vm', /['"](node:)?vm['"]/],
  // A template without a part that is put in is a fixed name: minified code has those.
  ['import of a computed name', /\bimport\s*\((?!\s*(?:['"]|`[^`$]*`\s*[,)]))/],
  ['require of a computed name', /\brequire\s*\((?!\s*['"])/],
  ['timers that take text', /\bset(Timeout|Interval)\s*\(\s*['"`]/],
  ['prototypes as targets', /\.__proto__\s*=|\bsetPrototypeOf\s*\(/],
];

/** The code as it is built: without types and comments. */
function* builtFiles(): Generator<[string, string]> {
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(root, 'src', file), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, removeComments: true },
    });
    yield [`src/${file}`, outputText];
  }
  if (!existsSync(join(root, 'dist'))) return;
  for (const file of readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })) {
    const path = join(root, 'dist', file);
    // Another build may replace the folder meanwhile.
    if (file.endsWith('.js') && existsSync(path)) yield [`dist/${file}`, withoutComments(codeOf(path))];
  }
}

/** The code of the heartbeat thread is a text in its file. */
function codeOf(path: string): string {
  const code = readFileSync(path, 'utf8');
  const text = /^export const HEARTBEAT_CODE = (".*");$/m.exec(code)?.[1];
  return text === undefined ? code : (JSON.parse(text) as string);
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

describe('built files', () => {
  const files = [...builtFiles()];

  it.each(FORBIDDEN)('hold no %s', (_what, pattern) => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter(([, code]) => pattern.test(code)).map(([name]) => name)).toEqual([]);
  });
});

it.each([
  ['eval(text)', 0],
  ["send('eval', [text])", undefined],
  ['link.eval(text)', undefined],
  ['new Function("a", text)', 1],
  ['Function(text)()', 1],
  ['handlerFunction(text)', undefined],
  ["import vm from 'node:vm'", 2],
  ['await import(name)', 3],
  ["await import('./a.js')", undefined],
  ['import(`./a.js`).then(use)', undefined],
  ['import(`./${name}.js`)', 3],
  ['import(`./a` + name)', 3],
  ['require(name)', 4],
  ["setTimeout('x()', 1)", 5],
  ['a.__proto__ = b', 6],
] as const)('%s is found by pattern %s', (code, index) => {
  const found = FORBIDDEN.findIndex(([, pattern]) => pattern.test(code));
  expect(found).toBe(index ?? -1);
});
