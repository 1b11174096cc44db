import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';

const HELPERS = `
  import { runJobOfTaskQueue } from './current-job.js';
  import { ownStackOf } from './own-stack.js';
  const found = [];
  let read = () => {};
  /** Runs a function as the invoker runs a handler. */
  const run = (handler) => runJobOfTaskQueue({}, function invokeHandlerOfTaskQueue() { return handler(); });
  /** Two equal errors, made in the same place: the first as it is kept, the second as V8 writes it. */
  const pair = (make) => {
    const [one, other] = [0, 1].map(make);
    read(one);
    found.push({ kept: ownStackOf(one), plain: other.stack });
  };`;

const ERRORS = `
  class Mailer { async send() { await null; throw new Error('later'); } }
  pair(() => run(function handle() { return new RangeError('too far\\nand too wide'); }));
  pair(() => run(function handle() { return [1].map(() => new Error(''))[0]; }));
  pair(() => run(function handle() { try { Buffer.alloc('x'); } catch (error) { return error; } }));
  pair(() => run(function handle() { try { null.x; } catch (error) { return error; } }));
  pair(() => run(function handle() { return Object.assign(new Error('coded'), { code: 7, name: 'Named' }); }));
  pair(() => new Error('elsewhere'));
  const later = [];
  for (let index = 0; index < 2; index++)
    await run(async function handle() { await new Mailer().send(); }).catch((error) => later.push(error));
  pair((index) => later[index]);`;

const NAMESAKES = `
  {
    function runJobOfTaskQueue(make) { return make(); }
    function invokeHandlerOfTaskQueue() { return new Error('theirs'); }
    const theirs = () => runJobOfTaskQueue(invokeHandlerOfTaskQueue);
    pair(theirs);
    pair(() => run(function handle() { return theirs(); }));
  }`;

const WAYS: [string, string, string[]][] = [
  ['as Node starts', '', []],
  ['where Node shows no formatter', 'Error.prepareStackTrace = undefined;', []],
  ['with source maps', '', ['--enable-source-maps']],
  ['with frozen intrinsics', '', ['--frozen-intrinsics']],
  ['where it was read before', 'read = (error) => error.stack;', []],
];

// Under Jest other code writes stacks: what Node does shows in processes of their own.
describe('the stack that is kept of an error', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'task-queue-stacks-'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const name of ['current-job', 'own-stack']) {
      const source = await readFile(new URL(`../../src/worker/${name}.ts`, import.meta.url), 'utf8');
      const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
      await writeFile(join(folder, `${name}.js`), ts.transpileModule(source, { compilerOptions }).outputText);
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function found<T>(code: string, flags: string[] = []): Promise<T[]> {
    const script = `${HELPERS}\n${code}\nconsole.log(JSON.stringify(found));`;
    const args = ['--stack-trace-limit=30', ...flags, '--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
    return JSON.parse(stdout) as T[];
  }

  it.each(WAYS)('is what V8 writes, above the worker: %s', async (_when, setup, flags) => {
    const pairs = await found<{ kept: string; plain: string }>(`${setup}\n${ERRORS}`, flags);
    expect(pairs).toHaveLength(7);
    for (const { kept, plain } of pairs) {
      const end = plain.indexOf('\n    at invokeHandlerOfTaskQueue ');
      expect(kept).toBe(end < 0 ? plain : plain.slice(0, end));
    }
    const [handled, , coded, , , elsewhere, later] = pairs;
    expect(handled.kept).toMatch(/^RangeError: too far\nand too wide\n    at handle \(.*\)$/);
    expect(handled.plain).toContain('\n    at runJobOfTaskQueue ');
    expect(coded.kept).toMatch(/^TypeError \[ERR_INVALID_ARG_TYPE\]: /);
    expect(elsewhere.kept).toBe(elsewhere.plain);
    expect(later.kept).toMatch(/\n    at Mailer\.send \(.*\)\n(    at process\..*\n)?    at async handle \(/);
  });

  it.each(WAYS)('keeps frames of the user that bear our names: %s', async (_when, setup, flags) => {
    const [outside, inside] = await found<{ kept: string; plain: string }>(`${setup}\n${NAMESAKES}`, flags);
    const theirs = /^Error: theirs\n    at invokeHandlerOfTaskQueue \(.*\)\n    at runJobOfTaskQueue \(.*\)\n/;
    expect(outside.plain).toMatch(theirs);
    expect(outside.kept).toBe(outside.plain);
    expect(inside.plain).toMatch(theirs);
    expect(inside.kept).toBe(inside.plain.slice(0, inside.plain.lastIndexOf('\n    at invokeHandlerOfTaskQueue ')));
    expect(inside.kept).toMatch(/\n    at handle \(.*\)$/);
  });

  it('is what a formatter of somebody else makes of all frames', async () => {
    const code = `
      const format = Error.prepareStackTrace = (error, frames) => error.message + ' in ' + frames.length;
      Error.stackTraceLimit = 4;
      found.push(ownStackOf(run(() => new Error('mine'))), Error.prepareStackTrace === format);`;
    expect(await found(code)).toEqual(['mine in 4', true]);
  });

  it('is none where there is no text', async () => {
    expect(await found(`found.push(ownStackOf(Object.assign(new Error('x'), { stack: 7 })) === undefined);`)).toEqual([
      true,
    ]);
  });
});
