import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, afterAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { runJobOfTaskQueue } from '../../src/worker/current-job.js';
import { StrayRejections } from '../../src/worker/stray-rejections.js';
import type { Job } from '../../src/core/job-view.js';
import { RecordingLogger } from '../support/recording-logger.js';

const job = { id: 'j1', queue: 'mail' } as Job;

function emit(reason: unknown): boolean {
  return process.emit('unhandledRejection', reason, Promise.resolve());
}

describe('a promise that a handler left behind', () => {
  const watching: StrayRejections[] = [];
  const foreign: (() => void)[] = [];

  afterEach(() => {
    for (const each of watching.splice(0)) each.unwatch();
    for (const listener of foreign.splice(0)) process.off('unhandledRejection', listener);
  });

  function watch(): { strays: StrayRejections; lines: string[] } {
    const logger = new RecordingLogger();
    const strays = new StrayRejections(logger);
    watching.push(strays);
    strays.watch();
    return { strays, lines: logger.lines };
  }

  it('is logged with its job', () => {
    const { lines } = watch();
    runJobOfTaskQueue(job, () => emit(new Error('left behind')));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/Job "j1" of queue "mail" left a promise behind that rejected: Error: left behind/);
  });

  it('is logged with the first job of its batch, and how many there are', () => {
    const { lines } = watch();
    runJobOfTaskQueue([job, { ...job, id: 'j2' }], () => emit(new Error('left behind')));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /Job "j1" of queue "mail" \(or another of the 2 jobs of its batch\) left a promise behind/,
    );
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a symbol', Symbol('s')],
    ['an object without prototype', Object.create(null)],
    [
      'a proxy whose every trap throws',
      new Proxy(
        {},
        {
          getPrototypeOf() {
            throw new Error('trap');
          },
        },
      ),
    ],
    ['an error without a stack', Object.assign(new Error('bare'), { stack: undefined })],
    [
      'an error whose getters throw',
      Object.defineProperty(new Error('x'), 'stack', {
        get() {
          throw new Error('getter');
        },
      }),
    ],
  ])('may be rejected with %s', (_what, reason) => {
    const { lines } = watch();
    runJobOfTaskQueue(job, () => emit(reason));
    expect(lines).toHaveLength(1);
    expect(lines[0].length).toBeLessThan(1000);
  });

  it('fills no log with a stack of megabytes', () => {
    const { lines } = watch();
    runJobOfTaskQueue(job, () => emit(Object.assign(new Error('x'), { stack: 'x'.repeat(10_000_000) })));
    expect(lines[0].length).toBeLessThan(20_000);
  });

  it('of anybody else ends the process as before, unless somebody else listens', () => {
    const { lines } = watch();
    expect(() => emit(new Error('not ours'))).toThrow('not ours');
    const listener = () => {};
    foreign.push(listener);
    process.on('unhandledRejection', listener);
    expect(() => emit(new Error('not ours'))).not.toThrow();
    expect(lines).toEqual([]);
  });

  it('is told once where several apps share the process, as long as one of them runs', () => {
    const before = process.listenerCount('unhandledRejection');
    const [one, other] = [watch(), watch()];
    one.strays.watch(); // twice is once
    expect(process.listenerCount('unhandledRejection')).toBe(before + 1);
    runJobOfTaskQueue(job, () => emit(new Error('first')));
    one.strays.unwatch();
    runJobOfTaskQueue(job, () => emit(new Error('second')));
    other.strays.unwatch();
    other.strays.unwatch();
    expect([one.lines.length, other.lines.length]).toEqual([1, 1]);
    expect(process.listenerCount('unhandledRejection')).toBe(before);
  });

  it('is told by the others where one that does not speak leaves first', () => {
    const [one, other, third] = [watch(), watch(), watch()];
    other.strays.unwatch();
    runJobOfTaskQueue(job, () => emit(new Error('first')));
    one.strays.unwatch();
    runJobOfTaskQueue(job, () => emit(new Error('second')));
    expect([one, other, third].map(({ lines }) => lines.length)).toEqual([1, 0, 1]);
  });
});

describe('in a process of its own', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'task-queue-strays-'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const name of ['worker/current-job', 'worker/stray-rejections', 'core/thrown-reader']) {
      const source = await readFile(new URL(`../../src/${name}.ts`, import.meta.url), 'utf8');
      await mkdir(join(folder, dirname(name)), { recursive: true });
      const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
      await writeFile(join(folder, `${name}.js`), ts.transpileModule(source, { compilerOptions }).outputText);
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Runs this code beside a watch; `inHandler` runs a function as a handler does. */
  async function run(
    code: string,
    flags: readonly string[] = [],
    nodeOptions = '',
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const script = `
      import { runJobOfTaskQueue } from './worker/current-job.js';
      import { StrayRejections } from './worker/stray-rejections.js';
      const strays = new StrayRejections({ error: (line) => console.log(line.split('\\n')[0]) });
      strays.watch();
      const inHandler = (handler) => runJobOfTaskQueue({ id: 'j1', queue: 'mail' }, handler);
      ${code}
      setTimeout(() => console.log('alive'), 50);`;
    const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', script], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: nodeOptions },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    const [status] = await new Promise<[number | null]>((resolve) =>
      child.once('close', (...end) => resolve([end[0]])),
    );
    return { code: status, stdout, stderr };
  }

  it('it lives on, and names the job', async () => {
    const code = `
      inHandler(async () => {
        setTimeout(async () => { await null; throw new Error('from a timer'); }, 1);
        (async () => { await new Promise(setImmediate); throw new Error('not awaited'); })();
        Promise.reject(undefined);
      });`;
    const { code: status, stdout, stderr } = await run(code);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n').filter((line) => line.startsWith('Job "j1" of queue "mail" left'))).toHaveLength(3);
    expect(stdout).toContain('rejected: Error: from a timer');
    expect(stdout).toContain('alive');
  });

  it('it ends, as ever, by a rejection outside of handlers', async () => {
    const { code, stdout, stderr } = await run(`Promise.reject(new Error('the app itself'));`);
    expect(code).not.toBe(0);
    expect(stderr).toContain('the app itself');
    expect(stdout).not.toContain('alive');
  });

  it.each<[string, string[], string, { code: number; alive: boolean; stderr: RegExp }]>([
    ['throw', ['--unhandled-rejections=throw'], '', { code: 1, alive: false, stderr: /the app itself/ }],
    ['strict', ['--unhandled-rejections=strict'], '', { code: 1, alive: false, stderr: /the app itself/ }],
    ['warn', ['--unhandled-rejections=warn'], '', { code: 0, alive: true, stderr: /Warning: Error: the app itself/ }],
    ['warn, of NODE_OPTIONS', [], '--unhandled-rejections=warn', { code: 0, alive: true, stderr: /the app itself/ }],
    ['none', ['--unhandled-rejections', 'none'], '', { code: 0, alive: true, stderr: /^$/ }],
    [
      'warn-with-error-code',
      ['--unhandled-rejections=warn-with-error-code'],
      '',
      { code: 1, alive: true, stderr: /UnhandledPromiseRejectionWarning: Error: the app itself/ },
    ],
    [
      'the command line, over NODE_OPTIONS',
      ['--unhandled-rejections=none'],
      '--unhandled-rejections=strict',
      { code: 0, alive: true, stderr: /^$/ },
    ],
  ])('a rejection outside of handlers ends as the mode says: %s', async (_mode, flags, nodeOptions, expected) => {
    const { code, stdout, stderr } = await run(`Promise.reject(new Error('the app itself'));`, flags, nodeOptions);
    expect({ code, alive: stdout.includes('alive') }).toEqual({ code: expected.code, alive: expected.alive });
    expect(stderr).toMatch(expected.stderr);
  });

  it.each(['throw', 'warn', 'none', 'warn-with-error-code'])('one of a handler is survived: %s', async (mode) => {
    const code = `inHandler(async () => { Promise.reject(new Error('of a job')); });`;
    const { code: status, stdout } = await run(code, [`--unhandled-rejections=${mode}`]);
    expect({ status, alive: stdout.includes('alive') }).toEqual({ status: 0, alive: true });
    expect(stdout).toContain('Job "j1" of queue "mail" left a promise behind that rejected: Error: of a job');
  });

  it('one that is no error, and a listener of uncaught exceptions, are told as Node tells them', async () => {
    const code = `
      process.on('uncaughtException', ({ code, message }, origin) => console.log(code, origin, message.slice(-15)));
      Promise.reject(undefined);`;
    const { code: status, stdout } = await run(code);
    expect(status).toBe(0);
    expect(stdout).toContain('ERR_UNHANDLED_REJECTION unhandledRejection on "undefined".'.slice(0, 60));
    expect(stdout).toContain('alive');
  });
});
