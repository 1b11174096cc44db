// Packs the built package and uses the tarball as a stranger would: publint, attw, and a fresh Nest 12 app that installs
// it, type-checks and runs. Run `npm run build` first.  Add --keep to look at the app afterwards.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const work = mkdtempSync(join(tmpdir(), 'task-queue-pack-'));
const app = join(work, 'app');

const run = (cwd, command, ...args) => {
  console.log(`$ ${command} ${args.join(' ')}`);
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], timeout: 300_000 });
};
const fail = (message) => {
  throw new Error(message);
};

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
  run(root, 'npx', '--no-install', 'attw', tarball, '--profile', 'esm-only');

  writeApp(tarball);
  run(app, 'npm', 'install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error');
  run(app, 'npx', '--no-install', 'tsc', '-p', '.');
  run(app, process.execPath, 'out/main.js');
} finally {
  if (process.argv.includes('--keep')) console.log(`kept: ${work}`);
  else rmSync(work, { recursive: true, force: true });
}

function checkFiles(paths) {
  const scripts = readdirSync(join(root, 'src/redis/scripts')).filter((file) => file.endsWith('.lua'));
  if (scripts.length === 0) fail('src holds no .lua file: what should the Redis broker run?');
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

function writeApp(tarball) {
  const pick = (...names) => Object.fromEntries(names.map((name) => [name, own.devDependencies[name]]));
  mkdirSync(join(app, 'src'), { recursive: true });
  const write = (name, content) => writeFileSync(join(app, name), content);
  write(
    'package.json',
    JSON.stringify({
      name: 'fresh-app',
      version: '1.0.0',
      private: true,
      type: 'module',
      dependencies: {
        'nestjs-task-queue': `file:${tarball}`,
        ...pick('@nestjs/common', '@nestjs/core', 'ioredis', 'reflect-metadata', 'rxjs'),
      },
      devDependencies: pick('typescript', '@types/node'),
    }),
  );
  write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        module: 'nodenext',
        strict: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        types: ['node'],
        skipLibCheck: false, // our own .d.ts files are what this checks
        outDir: 'out',
        rootDir: 'src',
      },
      include: ['src'],
    }),
  );
  write(
    'src/main.ts',
    `import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Processor, QueueService, TaskQueueModule, type Job } from 'nestjs-task-queue';

@Injectable()
class Mail {
  @Processor('mail')
  async send(job: Job<{ to: string }>): Promise<{ sent: string }> {
    return { sent: job.payload.to };
  }
}

@Module({ imports: [TaskQueueModule.forRoot({ connection: 'memory://' })], providers: [Mail] })
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
const job = await app.get(QueueService).enqueue('mail', { to: 'a@b.c' });
assert.deepEqual(await job.result({ timeout: '10s' }), { sent: 'a@b.c' });
await app.close();
console.log('the packed app ran its job');
`,
  );
}
