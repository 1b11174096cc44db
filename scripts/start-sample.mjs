// @ts-check
// `npm start`: compiles the sample app and runs it, so that a signal to npm reaches the app and its drain.
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';

process.stdout.write('Compiling the package and the sample app …\n');
for (const script of [
  ['scripts/build.mjs'],
  ['node_modules/typescript/bin/tsc', '-p', 'sample-app/tsconfig.start.json'],
]) {
  const { status } = spawnSync(process.execPath, script, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const app = spawn(process.execPath, ['build/sample-app/main.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  // Ctrl-C reaches the app by itself: it sits in the same process group.
  process.on(signal, () => signal !== 'SIGINT' && app.kill(signal));
}
// The shell that npm runs this in ends of a signal without passing it on.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && app.kill('SIGTERM'), 200).unref();
app.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
