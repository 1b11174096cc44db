import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const START_MS = 10_000;
const TRIES = 5;

/** A Redis of our own on a free port of 127.0.0.1, without snapshots; `stop` kills that process and no other. */
export async function startRedis(options) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Somebody else may have taken the port between our look and Redis' bind.
      if (attempt === TRIES) throw error;
    }
  }
}

async function startOnce({ aof, cpu }) {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'task-queue-bench-'));
  const server = process.env.REDIS_SERVER || 'redis-server';
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  args.push('--appendonly', aof ? 'yes' : 'no', '--appendfsync', 'everysec');
  const [command, ...prefix] = cpu === undefined ? [server] : ['taskset', '-c', String(cpu), server];
  const child = spawn(command, [...prefix, ...args], { stdio: 'ignore' });
  let failure;
  const gone = new Promise((resolve) => {
    child.once('exit', resolve);
    child.once('error', (error) => {
      failure = error;
      resolve();
    });
  });
  const abandon = () => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  const stop = async () => {
    child.kill('SIGKILL');
    await gone;
    process.off('exit', abandon);
    await rm(dir, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_MS;
  while (!(await answers(port))) {
    if (failure !== undefined || child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${server} did not start: ${failure?.message ?? 'no answer'} (REDIS_SERVER names another one)`);
    }
    await pause(10);
  }
  return { port, pid: child.pid, stop };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('error', () => end(false));
    socket.once('data', (reply) => end(reply.toString().startsWith('+PONG')));
    socket.setTimeout(1000, () => end(false));
  });
}
