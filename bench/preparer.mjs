import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The rivals are no dependencies of this package: they are installed here, once, as the lock file says. */
export function installPeers() {
  if (['bullmq', 'bee-queue', 'ioredis'].every((peer) => existsSync(`${HERE}node_modules/${peer}/package.json`)))
    return;
  console.log('Installing the peers of the bench…');
  npm(['ci', '--ignore-scripts'], HERE);
}

/** Users run what is built, so the bench does. */
export function buildPackage() {
  npm(['run', '--silent', 'build'], ROOT);
}

function npm(args, cwd) {
  const { status, error } = spawnSync('npm', args, { cwd, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}
