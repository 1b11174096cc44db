// @ts-check
// A private redis-server: plain JavaScript, because Jest's global setup, the scripts and the specs all start one.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * @typedef {object} RedisServerOptions
 * @property {number} [port] free one by default; give the port of a stopped server to bring it back
 * @property {string} [dir] kept on stop when given; by default a temporary folder that stop() removes
 * @property {string} [config] lines of a configuration file, which Sentinel wants
 * @property {string[]} [args] appended to the command line, so they win, such as `['--appendonly', 'yes']`
 * @property {number} [startTimeoutMs] default 10000
 */

/**
 * @typedef {object} RedisServer
 * @property {number} port
 * @property {string} url `redis://127.0.0.1:port`
 * @property {number} pid
 * @property {string} dir
 * @property {() => Promise<void>} stop SIGTERM, after 3 s SIGKILL; resolves when the process is gone
 * @property {(signal?: NodeJS.Signals) => Promise<void>} kill SIGKILL by default; resolves when the process is gone
 * @property {() => void} pause SIGSTOP: connections stay open and nothing answers
 * @property {() => void} resume SIGCONT
 */

/**
 * Starts a redis-server of our own on 127.0.0.1, and resolves once it answers PING.
 * @param {RedisServerOptions} [options]
 * @returns {Promise<RedisServer>}
 */
export async function startRedisServer(options = {}) {
  // A free port may be taken by another process before redis binds it: then it exits at once, and a new one is tried.
  const tries = options.port === undefined ? 5 : 1;
  for (let n = 1; ; n++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (n >= tries || !/Address already in use|exited with/.test(String(error))) throw error;
    }
  }
}

/** @param {RedisServerOptions} options @returns {Promise<RedisServer>} */
async function startOnce({ port: wanted, dir: givenDir, config, args = [], startTimeoutMs = 10_000 }) {
  const port = wanted ?? (await freePort());
  const dir = givenDir ?? (await mkdtemp(join(tmpdir(), 'task-queue-redis-')));
  const cleanUp = async () => {
    if (givenDir === undefined) await rm(dir, { recursive: true, force: true });
  };
  const file = join(dir, 'given.conf');
  if (config !== undefined) await writeFile(file, config);
  const child = spawn(
    process.env.REDIS_SERVER || 'redis-server',
    [
      ...(config === undefined ? [] : [file]),
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      dir,
      '--save',
      '',
      '--appendonly',
      'no',
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  /** @param {Buffer} chunk */
  const keepTail = (chunk) => (output = (output + chunk.toString()).slice(-4000));
  child.stdout.on('data', keepTail);
  child.stderr.on('data', keepTail);
  /** @type {Error | undefined} */
  let spawnError;
  const gone = new Promise((resolve) => {
    child.once('close', () => resolve(undefined));
    child.once('error', (error) => {
      spawnError = error;
      resolve(undefined);
    });
  });
  const hasExited = () => spawnError !== undefined || child.exitCode !== null || child.signalCode !== null;
  const killOnExit = () => void child.kill('SIGKILL');
  process.once('exit', killOnExit);

  /** @param {NodeJS.Signals} signal */
  const end = async (signal) => {
    if (!hasExited()) {
      child.kill('SIGCONT'); // a paused process would not see SIGTERM
      child.kill(signal);
    }
    const fallback = setTimeout(() => child.kill('SIGKILL'), 3000);
    await gone;
    clearTimeout(fallback);
    process.removeListener('exit', killOnExit);
  };

  const deadline = Date.now() + startTimeoutMs;
  while (!(await answersPing(port))) {
    if (hasExited() || Date.now() > deadline) {
      await end('SIGKILL');
      await cleanUp();
      const what =
        spawnError?.message ?? (Date.now() > deadline ? 'did not answer PING' : `exited with ${child.exitCode}`);
      throw new Error(
        `redis-server on port ${port} ${what}. Run scripts/ensure-redis.sh, or set REDIS_SERVER.\n${output}`,
      );
    }
    await pause(10);
  }

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: /** @type {number} */ (child.pid),
    dir,
    stop: async () => {
      await end('SIGTERM');
      await cleanUp();
    },
    kill: (signal = 'SIGKILL') => end(signal),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(/** @type {import('node:net').AddressInfo} */ (address).port));
    });
  });
}

/** @param {number} port @returns {Promise<boolean>} */
function answersPing(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    /** @param {boolean} answer */
    const done = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => done(false));
    socket.once('error', () => done(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    // With a password the answer is an error, and the server is up all the same; while loading it is -LOADING.
    socket.once('data', (reply) => done(/^\+PONG|^-NOAUTH/.test(reply.toString())));
    socket.once('close', () => resolve(false));
  });
}
