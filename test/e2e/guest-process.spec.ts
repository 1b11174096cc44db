import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { STORES } from '../support/apps.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMPILER_OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

/** What every process begins with: decorators are called by hand, because it is plain JavaScript. */
const PRELUDE = `
  import 'reflect-metadata';
  import { Module } from '@nestjs/common';
  import { NestFactory } from '@nestjs/core';
  import { Processor, QueueService, TaskQueueModule } from './src/index.js';
  const root = TaskQueueModule.forRoot(JSON.parse(process.env.TEST_OPTIONS));
  class Work { run(job) { return globalThis.handle?.(job); } }
  Processor('work')(Work.prototype, 'run', Object.getOwnPropertyDescriptor(Work.prototype, 'run'));
  const fail = () => { throw new Error('as asked'); };
  const boot = async (metadata) => {
    class App {}
    Module(metadata)(App);
    try {
      const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
      console.log('started');
      return app;
    } catch (error) {
      console.log('failed: ' + error.message);
    }
  };`;

describe.each(STORES)('a process on $name', ({ options }) => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'task-queue-process-'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const name of await readdir(join(ROOT, 'src'), { recursive: true })) {
      if (!name.endsWith('.ts')) continue;
      const { outputText } = ts.transpileModule(await readFile(join(ROOT, 'src', name), 'utf8'), {
        compilerOptions: COMPILER_OPTIONS,
      });
      const path = join(folder, 'src', name.replace(/\.ts$/, '.js'));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, outputText);
    }
    await cp(join(ROOT, 'src/redis/scripts'), join(folder, 'src/redis/scripts'), { recursive: true });
    await cp(join(ROOT, 'src/core/rules.ts'), join(folder, 'src/core/rules.ts')); // the scripts have its numbers
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true }));

  /** Ends by itself, or is ended after ten seconds and fails the test. */
  async function run(code: string): Promise<{ stdout: string; stderr: string; code: number | string | null }> {
    const script = join(folder, `run-${randomBytes(4).toString('hex')}.js`);
    await writeFile(script, `${PRELUDE}\n${code}`);
    const env = { ...process.env, TEST_OPTIONS: JSON.stringify(options()), NODE_OPTIONS: '' };
    return new Promise((resolve) => {
      execFile(process.execPath, [script], { cwd: folder, env, timeout: 10_000 }, (error, stdout, stderr) =>
        resolve({ stdout, stderr, code: error === null ? 0 : (error.code ?? error.signal ?? null) }),
      );
    });
  }

  it.each([
    ['a factory', `{ provide: 'X', useFactory: fail }`],
    [
      'a late factory',
      `{ provide: 'X', useFactory: async () => { await new Promise((go) => setTimeout(go, 200)); fail(); } }`,
    ],
    ['a factory that has enqueued', `{ provide: 'X', inject: [QueueService], useFactory: async (q) => { await q.enqueue('work', {}); fail(); } }`], // prettier-ignore
    ['a constructor', `class X { constructor() { fail(); } }`],
    ['an onModuleInit', `class X { async onModuleInit() { fail(); } }`],
    ['an onApplicationBootstrap', `class X { onApplicationBootstrap() { fail(); } }`],
  ])(
    'ends by itself where %s throws at boot, whatever is imported first',
    async (_what, provider) => {
      const code = (order: string) => `
      class Other {}
      Module({ imports: [TaskQueueModule.registerQueue({ name: 'work' })], providers: [${provider}] })(Other);
      await boot({ imports: [${order}], providers: [Work] });`;
      for (const order of ['root, Other', 'Other, root'])
        expect(await run(code(order))).toEqual({ code: 0, stdout: 'failed: as asked\n', stderr: '' });
    },
    60_000,
  );

  it('starts where it is to wait for its store, whatever keeps the process alive beside it', async () => {
    const { code, stdout, stderr } = await run(`
      const patient = TaskQueueModule.forRoot({ ...JSON.parse(process.env.TEST_OPTIONS), waitForRedis: true });
      const start = async () => {
        const app = await boot({ imports: [patient], providers: [Work] });
        await app.close();
        console.log('closed');
      };
      void start();`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'started\nclosed\n', stderr: '' });
  });

  it('warns of nothing where it has many queues', async () => {
    const { code, stdout, stderr } = await run(`
      const names = Array.from({ length: 25 }, (_, at) => 'queue' + at);
      class Many {}
      for (const name of names) {
        Many.prototype[name] = ({ queue }) => queue;
        Processor(name)(Many.prototype, name, Object.getOwnPropertyDescriptor(Many.prototype, name));
      }
      const app = await boot({ imports: [root], providers: [Many] });
      const queues = app.get(QueueService);
      const told = names.map((name) => queues.events(name).subscribe());
      const jobs = await Promise.all(names.map((name) => queues.enqueue(name, {})));
      console.log((await Promise.all(jobs.map((job) => job.result()))).join() === names.join());
      for (const each of told) each.unsubscribe();
      await app.close();`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'started\ntrue\n', stderr: '' });
  });

  it('lives while its app does, runs jobs, warns of nothing, and ends when it is closed', async () => {
    const { code, stdout, stderr } = await run(`
      const app = await boot({ imports: [root], providers: [Work] });
      globalThis.handle = ({ signal }) => { for (let call = 0; call < 50; call++) signal.addEventListener('abort', () => {}); return 7; };
      const queues = app.get(QueueService);
      const jobs = await Promise.all(Array.from({ length: 30 }, () => queues.enqueue('work', {})));
      console.log((await Promise.all(jobs.map((job) => job.result({ timeout: '90d' })))).length);
      await app.close();`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'started\n30\n', stderr: '' });
  });
});
