// Runs the stages of `npm run check` and `npm test`, goes on after a failure, and ends with `N passed, N failed`.
//   node scripts/run-tests.mjs all|check [--only stage,stage]
// Passed and failed are Jest's tests. A stage of another kind, or a spec file that did not load, adds one to failed, so
// that the last line is never clean when the exit code is not. A suite that runs no test has failed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedisServer } from '../test/support/redis-process.mjs';
import { nodeOf } from './node-version.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const MINUTE = 60_000;
const results = await mkdtemp(join(tmpdir(), 'task-queue-results-'));

const npm = (script) => ({ command: 'npm', args: ['run', '--silent', script] });
const JEST = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const jest = (suite) => ({ suite, optional: suite === 'property' || suite === 'docs' });

const CHECK = {
  redis: { command: 'bash', args: ['scripts/ensure-redis.sh'] },
  format: npm('format:check'),
  lint: npm('lint'),
  types: npm('types'),
  imports: npm('imports'),
  unused: npm('unused'),
  house: npm('house'),
  build: npm('build'),
  unit: jest('unit'),
  property: jest('property'),
  contract: jest('contract'),
  'redis scripts': jest('redis'),
  e2e: jest('e2e'),
  docs: jest('docs'),
  chromium: { command: 'bash', args: ['scripts/ensure-chromium.sh'] },
  dashboard: jest('dashboard'),
};
// Specs of e2e that wait for seconds of a schedule, of an outage or of a browser's stream, and that no version of Node can change.
const WAITS_ONLY = [
  'bulk',
  'dashboard-',
  'outages',
  'redeployed-schedules',
  'refused-requests',
  'schedules',
  'unique-schedules',
];
const SAMPLE = { command: 'npm', args: ['start', '--silent', '--', '--once'], limitMs: 3 * MINUTE };
const ALL = {
  ...CHECK,
  'packed tarball in apps of every kind, on Node 20 to 26': npm('test:pack'),
  'unit on Node 26': { suite: 'unit', node: 26 },
  'e2e on Node 26': { suite: 'e2e', node: 26, without: WAITS_ONLY },
  'Nest 11': { command: process.execPath, args: ['scripts/nest11-test.mjs'], counts: true },
  'sample app on memory://': SAMPLE,
  'sample app on Redis': { ...SAMPLE, needsRedis: true },
  // Last, in the time that is left; a trial that there was none for is named, and counts as neither.
  faults: {
    command: process.execPath,
    args: () => ['test/faults/run.mjs', '--reduced', String(secondsForFaults())],
    limitMs: 5 * MINUTE,
  },
};

/** The whole run stays below 25 minutes on a slow machine, too. */
function secondsForFaults() {
  const left = 23 * 60 - (Date.now() - startedAt) / 1000;
  return Math.round(Math.max(60, Math.min(240, left)));
}

const [mode = 'all', flag, list] = process.argv.slice(2);
if (!['all', 'check'].includes(mode) || (flag !== undefined && flag !== '--only')) {
  console.error('Usage: node scripts/run-tests.mjs all|check [--only stage,stage]');
  process.exit(2);
}
const only = flag ? (list ?? '').split(',') : undefined;
const stages = Object.entries(mode === 'all' ? ALL : CHECK).filter(([name]) => !only || only.includes(name));
if (stages.length === 0) {
  console.error(`No such stage: ${list}. Stages: ${Object.keys(ALL).join(', ')}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const failures = [];
const startedAt = Date.now();
try {
  for (const [name, stage] of stages) {
    const stageStartedAt = Date.now();
    console.log(`\n== ${name}`);
    const ok = await (stage.suite ? runSuite(stage) : runStage(stage)).catch((error) => {
      console.error(error);
      failed++;
      return false;
    });
    if (!ok) failures.push(name);
    console.log(`-- ${name}: ${ok ? 'ok' : 'FAILED'} (${((Date.now() - stageStartedAt) / 1000).toFixed(1)} s)`);
  }
} finally {
  await rm(results, { recursive: true, force: true });
}

console.log(
  `\n${((Date.now() - startedAt) / 1000).toFixed(0)} s${failures.length ? `; failed: ${failures.join(', ')}` : ''}`,
);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;

async function runSuite({ suite, optional, node, without = [] }) {
  if (optional && !existsSync(`test/${suite}`)) {
    console.log('no specs');
    return true;
  }
  const report = join(results, `${suite}${node ?? ''}.json`);
  const code = await run(
    node ? nodeOf(node) : process.execPath,
    [...JEST, '--selectProjects', suite, ...without.flatMap(ignored), '--json', '--outputFile', report],
    {
      limitMs: 10 * MINUTE,
      quietStdout: true, // --json repeats the report there
    },
  );
  return count(report, code);
}

function ignored(spec) {
  return ['--testPathIgnorePatterns', `/${spec}`];
}

async function runStage({ command, args, limitMs, needsRedis, counts }) {
  const server = needsRedis ? await startRedisServer() : undefined;
  try {
    const report = counts ? join(results, 'stage.json') : undefined;
    const given = typeof args === 'function' ? args() : args;
    const code = await run(command, report ? [...given, report] : given, {
      limitMs: limitMs ?? 10 * MINUTE,
      // Without REDIS_URL the sample uses memory://, whatever this shell has set.
      env: { ...process.env, REDIS_URL: server?.url ?? '' },
    });
    if (report) return await count(report, code);
    if (code !== 0) failed++;
    return code === 0;
  } finally {
    await server?.stop();
  }
}

async function count(report, code) {
  if (!existsSync(report)) {
    failed++;
    return false;
  }
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(await readFile(report, 'utf8'));
  const failedHere = numFailedTests + numRuntimeErrorTestSuites;
  passed += numPassedTests;
  failed += failedHere;
  const ok = code === 0 && failedHere === 0 && numPassedTests > 0;
  if (!ok && failedHere === 0) failed++;
  if (numPassedTests + failedHere === 0) console.error('No test ran: an empty suite counts as failed.');
  return ok;
}

/** Resolves with the exit code; a stage over its limit is killed with everything that it started. */
function run(command, args, { limitMs, env = process.env, quietStdout = false }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', quietStdout ? 'ignore' : 'inherit', 'inherit'],
      detached: true, // a process group of its own, so that the limit reaches grandchildren
    });
    const killGroup = () => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // gone already
      }
    };
    const onInterrupt = () => {
      killGroup();
      process.exit(130);
    };
    process.once('SIGINT', onInterrupt);
    process.once('SIGTERM', onInterrupt);
    const limit = setTimeout(() => {
      console.error(`Stopped after ${limitMs / 1000} s.`);
      killGroup();
    }, limitMs);
    const done = () => {
      clearTimeout(limit);
      process.removeListener('SIGINT', onInterrupt);
      process.removeListener('SIGTERM', onInterrupt);
    };
    child.once('error', (error) => {
      done();
      reject(error);
    });
    child.once('close', (code) => {
      done();
      resolve(code ?? 1);
    });
  });
}
