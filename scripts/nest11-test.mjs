// Runs the specs that depend on Nest's inner workings (discovery, enhancers, shutdown) against Nest 11, in a copy of this
// project of its own.   node scripts/nest11-test.mjs [jest-report.json] [--keep]
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SPECS = /^(dashboard-mounting|discovery|enhancers|shutdown).*\.spec\.ts$/;
const NOT_NEEDED = [
  '@arethetypeswrong/cli',
  'dependency-cruiser',
  'esbuild',
  'knip',
  'oxlint',
  'oxlint-tsgolint',
  'prettier',
  'publint',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'task-queue-nest11-'));
const report = process.argv.slice(2).find((argument) => !argument.startsWith('--'));

try {
  const specs = existsSync(join(root, 'test/e2e'))
    ? readdirSync(join(root, 'test/e2e')).filter((file) => SPECS.test(file))
    : [];
  for (const kind of ['dashboard-mounting', 'discovery', 'enhancers', 'shutdown']) {
    if (!specs.some((file) => file.startsWith(kind)))
      throw new Error(`test/e2e has no ${kind}*.spec.ts to run on Nest 11.`);
  }

  for (const name of ['src', 'test', 'jest.config.js', 'tsconfig.json', '.npmrc']) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(work, name), { recursive: true });
  }
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(manifest.devDependencies)) {
    if (NOT_NEEDED.includes(name)) delete manifest.devDependencies[name];
    else if (name.startsWith('@nestjs/')) manifest.devDependencies[name] = '^11.0.0';
  }
  delete manifest.overrides['oxc-parser'];
  delete manifest.allowScripts;
  writeFileSync(join(work, 'package.json'), JSON.stringify(manifest, undefined, 2));
  execFileSync('npm', ['install', '--no-package-lock', '--loglevel=error'], {
    cwd: work,
    stdio: ['ignore', 'inherit', 'inherit'],
  });

  const { version } = JSON.parse(readFileSync(join(work, 'node_modules/@nestjs/core/package.json'), 'utf8'));
  if (!version.startsWith('11.')) throw new Error(`Nest 11 was asked for, and ${version} installed.`);
  console.log(`Nest ${version}: ${specs.join(', ')}`);

  const { status } = spawnSync(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--selectProjects',
      'e2e',
      ...(report ? ['--json', '--outputFile', report] : []),
      '--runTestsByPath',
      ...specs.map((file) => join(work, 'test/e2e', file)),
    ],
    { cwd: work, stdio: ['ignore', report ? 'ignore' : 'inherit', 'inherit'] },
  );
  process.exitCode = status ?? 1;
} finally {
  if (process.argv.includes('--keep')) console.log(`kept: ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
