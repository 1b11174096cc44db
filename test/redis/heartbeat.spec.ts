import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { embedHeartbeat, embedScripts } from '../../scripts/build.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What each process begins with: it knows every thread it starts, and how to open a store. */
const HELPERS = `
  import { createRequire, syncBuiltinESMExports } from 'node:module';
  const awake = setInterval(() => {}, 1000); // threads alone keep no process alive
  const threads = [];
  const workerThreads = createRequire(import.meta.url)('node:worker_threads');
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor(...given) { super(...given); threads.push(this); }
    emit(event, ...given) {
      if (event === 'exit') this.hasEnded = true;
      return super.emit(event, ...given);
    }
  };
  syncBuiltinESMExports();
  const found = [];
  /** Threads that were started, and those of them that live. */
  const count = () => found.push([threads.length, threads.filter(({ hasEnded }) => !hasEnded).length]);
  const exitOf = (thread) => new Promise((resolve) => thread.once('exit', resolve));
  const turn = () => new Promise(setImmediate);
  const failures = [];
  const onFailure = ({ message }) => failures.push(message);
  const planOf = (given) =>
    ({ worker: 'w1', stallLimitMs: 60_000, leases: [{ queue: 'mail', leaseMs: 400 }], onBeat() {}, onStalled() {}, onFailure, ...given });`;

const STORE = `
  const { RedisStore } = await import('./src/redis/redis-store.js');
  const storeOf = (given) => new RedisStore({
    connection: process.env.TEST_REDIS_URL, prefix: process.env.TEST_PREFIX, commandTimeoutMs: 5000, connectTimeoutMs: 5000,
    waitForRedis: false, allowEviction: false, maxCrashes: 3, logLines: 100, ...given,
  });`;

/** A thread whose code is that of the test. */
const THREAD = `
  const { HeartbeatThread } = await import('./src/redis/broken/heartbeat.js');
  const data = { connection: '', prefix: '', beat: {}, leases: [], timeoutMs: 1, connectTimeoutMs: 1 };`;

// The thread is a text of its own: it is there only where the sources are built.
describe('the heartbeat thread', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'task-queue-heartbeat-'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const part of ['core', 'core/errors', 'core/ports', 'process', 'redis', 'redis/turns', 'redis/wire'])
      await build(part);
    await cp(join(ROOT, 'src/redis/scripts'), join(folder, 'src/redis/scripts'), { recursive: true });
    embedScripts(join(folder, 'src')); // the thread's code finds no files beside it
    embedHeartbeat(join(folder, 'src'));
    await mkdir(join(folder, 'src/redis/broken'));
    await cp(join(folder, 'src/redis/wire/heartbeat.js'), join(folder, 'src/redis/broken/heartbeat.js'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function build(part: string): Promise<void> {
    await mkdir(join(folder, 'src', part), { recursive: true });
    for (const name of await readdir(join(ROOT, 'src', part))) {
      if (!name.endsWith('.ts')) continue;
      const source = await readFile(join(ROOT, 'src', part, name), 'utf8');
      const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
      const { outputText } = ts.transpileModule(source, { compilerOptions });
      await writeFile(join(folder, 'src', part, name.replace(/\.ts$/, '.js')), outputText);
    }
  }

  function breakThread(code: string): Promise<void> {
    const text = `export const HEARTBEAT_CODE = ${JSON.stringify(code)};`;
    return writeFile(join(folder, 'src/redis/broken/heartbeat-code.js'), text);
  }

  async function found(code: string, flags: readonly string[] = [], nodeOptions = ''): Promise<unknown[]> {
    const script = join(folder, 'run.js'); // a file: threads inherit the flags of their process, and can not have all of them
    await writeFile(script, `${HELPERS}\n${code}\nconsole.log(JSON.stringify(found));\nclearInterval(awake);`);
    const env = { ...process.env, TEST_PREFIX: `t-${randomBytes(6).toString('hex')}`, NODE_OPTIONS: nodeOptions };
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, script], {
      cwd: folder,
      env,
      timeout: 15_000,
    });
    return JSON.parse(stdout) as unknown[];
  }

  it('boots while the store of a worker is opened, and ends with a store that never had one', async () => {
    const code = `${STORE}
      const store = storeOf({ works: true });
      const opening = store.connection.open();
      count();
      await opening;
      await store.connection.close();
      count();
      await store.connection.close();`;
    expect(await found(code)).toEqual([
      [1, 1],
      [1, 0],
    ]);
  });

  it('ends once, for all who end it at a time', async () => {
    const code = `${STORE}
      const store = storeOf({ works: true });
      await store.connection.open();
      await Promise.all([store.connection.close(), store.connection.close()]);
      count();
      const late = storeOf({ works: true, connectTimeoutMs: 300 });
      const opening = late.connection.open().catch(({ name }) => found.push(name));
      await late.connection.close();
      await opening;
      count();
      found.push(late.workers.startHeartbeat(planOf()) === undefined);`;
    expect(await found(code)).toEqual([[1, 0], 'BrokerUnavailableError', [2, 0], true]);
  });

  it('ends where the store can not be opened', async () => {
    const code = `${STORE}
      const store = storeOf({ works: true, connection: 'redis://127.0.0.1:1', commandTimeoutMs: 300, connectTimeoutMs: 300 });
      await store.connection.open().catch(({ name }) => found.push(name));
      count();`;
    expect(await found(code)).toEqual(['BrokerUnavailableError', [1, 0]]);
  });

  it.each([
    ['nothing is to be run', '{}'],
    [
      'it could not have the connection',
      `{ works: true, connection: { host: '127.0.0.1', port: Number(new URL(process.env.TEST_REDIS_URL).port), retryStrategy: () => 50 } }`,
    ],
  ])('does not boot where %s', async (_why, options) => {
    const code = `${STORE}
      const store = storeOf(${options});
      await store.connection.open();
      count();
      await store.connection.close();`;
    expect(await found(code)).toEqual([[0, 0]]);
  });

  it('beats once it has a plan: the booted one first, then one of its own for each worker', async () => {
    const code = `${STORE}
      const store = storeOf({ works: true });
      await store.connection.open();
      const beats = [];
      const hearts = [];
      for (const worker of ['w1', 'w2']) {
        const beaten = new Promise((onBeat) => {
          const heart = store.workers.startHeartbeat(planOf({ worker, onBeat: (queue) => onBeat(queue) }));
          heart.holds('mail', true);
          hearts.push(heart);
        });
        count();
        found.push(await beaten);
      }
      await hearts[0].stop();
      count();
      await store.connection.close(); // the other is its worker's to stop
      count();
      await hearts[1].stop();
      count();
      found.push(failures);`;
    expect(await found(code)).toEqual([[1, 1], 'mail', [2, 2], 'mail', [2, 1], [2, 1], [2, 0], []]);
  });

  it('reports a failure that came before its plan once, after it got the plan', async () => {
    await breakThread(`throw new Error('does not boot');`);
    const code = `${THREAD}
      const thread = new HeartbeatThread();
      await exitOf(threads[0]);
      thread.begin(planOf(), data);
      found.push([...failures]); // its worker does not have it yet
      await turn();
      await turn();
      found.push(failures);
      thread.holds('mail', true);
      await thread.stop();`;
    expect(await found(code)).toEqual([[], ['does not boot']]);
  });

  it('reports a failure that comes after its plan once', async () => {
    await breakThread(
      `const { parentPort } = require('node:worker_threads');
       parentPort.on('message', ({ worker }) => { throw new Error(worker + ' does not begin'); });`,
    );
    const code = `${THREAD}
      const thread = new HeartbeatThread();
      thread.begin(planOf(), data);
      await exitOf(threads[0]);
      await turn();
      found.push(failures);`;
    expect(await found(code)).toEqual([['w1 does not begin']]);
  });

  it('may be stopped while it fails', async () => {
    await breakThread(
      `const { writeFileSync } = require('node:fs');
       process.on('exit', () => writeFileSync('failed', ''));
       throw new Error('does not boot');`,
    );
    const code = `${THREAD}
      const { existsSync } = await import('node:fs');
      const thread = new HeartbeatThread();
      while (!existsSync('failed'));
      const hundredMs = performance.now() + 100;
      while (performance.now() < hundredMs); // its error is under way, and this loop has not heard of it
      await thread.stop();
      count();
      const other = new HeartbeatThread();
      await exitOf(threads[1]);
      other.begin(planOf(), data);
      await other.stop();
      await turn();
      found.push(failures);`;
    expect(await found(code)).toEqual([[1, 0], []]);
  });

  it.each<[string, (preload: string) => string[], (preload: string) => string]>([
    ['--require', (preload) => ['--require', preload], () => ''],
    ['--import', (preload) => ['--import', preload], () => ''],
    ['NODE_OPTIONS', () => [], (preload) => `--require ${preload}`],
  ])('runs nothing that the user preloads by %s', async (_how, flagsOf, optionsOf) => {
    const preload = join(folder, 'preload.cjs');
    await writeFile(preload, `require('node:fs').appendFileSync(${JSON.stringify(`${preload}.log`)}, 'x');`);
    await writeFile(`${preload}.log`, '');
    const code = `${STORE}
      const store = storeOf({ works: true });
      await store.connection.open();
      const beaten = new Promise((onBeat) => {
        const heart = store.workers.startHeartbeat(planOf({ onBeat: (queue) => onBeat(heart.stop().then(() => queue)) }));
        heart.holds('mail', true);
      });
      found.push(await beaten, failures);
      await store.connection.close();`;
    expect(await found(code, flagsOf(preload), optionsOf(preload))).toEqual(['mail', []]);
    expect(await readFile(`${preload}.log`, 'utf8')).toBe('x');
  });

  it('is not started where the process may not start threads, and says so', async () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
    const code = `${STORE}
      const store = storeOf({ works: true });
      const { heartbeat, heartbeatForbidden } = store.connection.capabilities;
      await store.connection.open();
      found.push(heartbeat, heartbeatForbidden, store.workers.startHeartbeat(planOf()) === undefined);
      count();
      await store.connection.close();
      const { HeartbeatThread } = await import('./src/redis/wire/heartbeat.js');
      const thread = new HeartbeatThread(); // whatever forbids it
      thread.begin(planOf(), { connection: '', prefix: '', beat: {}, leases: [], timeoutMs: 1, connectTimeoutMs: 1 });
      await turn();
      await thread.stop();
      found.push(failures.length);`;
    const permissions = [flag, '--no-warnings', '--allow-fs-read=*'];
    expect(await found(code, permissions)).toEqual([false, true, true, [0, 0], 1]);
    const permitted = `${STORE}
      found.push(storeOf({ works: true }).connection.capabilities.heartbeat);`;
    expect(await found(permitted, [...permissions, '--allow-worker'])).toEqual([true]);
  });
});
