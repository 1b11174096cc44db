// Packs the built package and uses the tarball as strangers would: publint, attw, and the apps of test/pack/kinds.mjs,
// each compiled, bundled, tested and run in its own way. Run `npm run build` first.
//   node scripts/pack-test.mjs [--keep] [--only text]     --keep leaves the apps to look at
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NEST_11, NEST_12 } from '../test/pack/kinds.mjs';
import { startRedisServer } from '../test/support/redis-process.mjs';
import { nodeOf } from './node-version.mjs';

const LIMIT_MS = 240_000;
const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'task-queue-pack-'));
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : '';

const run = (cwd, command, ...args) => {
  console.log(`$ ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], timeout: LIMIT_MS });
};
const fail = (message) => {
  throw new Error(message);
};

let redis;
try {
  if (!existsSync(join(root, 'dist/index.js'))) fail('dist/index.js is missing: run `npm run build` first.');
  const [packed] = Object.values(
    JSON.parse(
      execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], {
        cwd: root,
        encoding: 'utf8',
      }),
    ),
  );
  const tarball = join(work, packed.filename);
  checkFiles(packed.files.map((file) => file.path));
  run(root, 'npx', '--no-install', 'publint', '--strict', tarball);
  run(root, 'npx', '--no-install', 'attw', tarball, '--profile', 'esm-only', '--format', 'ascii');

  redis = await startRedisServer();
  const failures = (await Promise.all([NEST_11, NEST_12].map((workspace) => tryAll(workspace, tarball)))).flat();
  if (failures.length > 0) fail(`${failures.length} kinds of app failed: ${failures.join('; ')}`);
} finally {
  await redis?.stop();
  if (process.argv.includes('--keep')) console.log(`kept: ${work}`);
  else rmSync(work, { recursive: true, force: true });
}

/** @returns {Promise<string[]>} the kinds that failed */
async function tryAll(workspace, tarball) {
  const app = join(work, workspace.folder);
  writeApp(app, workspace, tarball);
  const failures = [];
  const attempt = async (name, command, args, env = {}) => {
    const startedAt = performance.now();
    const error = await promisify(execFile)(command, args, {
      cwd: app,
      timeout: LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, REDIS_URL: '', NODE_ENV: 'test', NO_COLOR: '1', ...env },
    }).then(
      () => undefined,
      (cause) => cause,
    );
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${error ? 'FAILED' : 'ok'}  ${workspace.folder}: ${name} (${seconds} s)`);
    if (!error) return true;
    console.error(error.stdout, error.stderr);
    failures.push(`${workspace.folder}: ${name}`);
    return false;
  };
  const install = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  if (!(await attempt('npm install', 'npm', install))) return failures;
  if (!(await attempt('tsc', process.execPath, ['node_modules/typescript/bin/tsc']))) return failures;
  for (const { name, run: args, command, node, redis: onRedis, env = {} } of workspace.kinds) {
    const title = node ? `${name}, Node ${node}` : name;
    if (!title.includes(only)) continue;
    const binary = command ? command[0] : node ? nodeOf(node) : process.execPath;
    await attempt(title, binary, command ? command.slice(1) : args, {
      ...env,
      ...(onRedis && { REDIS_URL: redis.url }),
    });
  }
  return failures;
}

function checkFiles(paths) {
  const scripts = readdirSync(join(root, 'src/redis/scripts')).filter((file) => file.endsWith('.lua'));
  if (scripts.length === 0) fail('src holds no .lua file: what should the Redis store run?');
  for (const script of scripts) {
    const path = `dist/redis/scripts/${script}`;
    if (!paths.includes(path)) fail(`${path} is not in the tarball: see scripts/build.mjs.`);
  }
  for (const path of ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']) {
    if (!paths.includes(path)) fail(`${path} is not in the tarball.`);
  }
  const stray = paths.filter(
    (path) => !/^(dist\/|(README|LICENSE|CHANGELOG|package\.json))/.test(path) || /\.spec\.|tsbuildinfo/.test(path),
  );
  if (stray.length > 0) fail(`The tarball should not hold ${stray.join(', ')}.`);
}

function writeApp(app, { type, dependencies, devDependencies, tsconfig, files, specs }, tarball) {
  mkdirSync(join(app, 'src'), { recursive: true });
  const write = (name, content) => writeFileSync(join(app, name), content);
  const manifest = {
    ...{ name: 'fresh-app', version: '1.0.0', private: true, type, devDependencies },
    dependencies: { 'nestjs-task-queue': `file:${tarball}`, ...dependencies },
    overrides: { 'unrs-resolver': '1.12.2' },
  };
  write('package.json', JSON.stringify(manifest));
  write('tsconfig.json', JSON.stringify({ compilerOptions: tsconfig, include: ['src/main.ts'] }));
  for (const [name, content] of Object.entries(files)) write(name, content);
  write('src/main.ts', readFileSync(join(root, 'test/pack/main.ts'), 'utf8'));
  const spec = readFileSync(join(root, 'test/pack/app.spec.ts'), 'utf8');
  for (const [name, firstLine] of Object.entries(specs)) write(`src/${name}`, `${firstLine}\n${spec}`);
}
