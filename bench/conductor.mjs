import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startRedis } from './redis-server.mjs';
import { createScenarios } from './scenarios.mjs';
import { DEFAULT_SYSTEMS, loadSystem, OURS } from './systems/catalogue.mjs';

const LIMIT_MS = 300_000;
const [MEASURER, PROXY] = ['measurer.mjs', 'delay-proxy.mjs'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);
const [REDIS_CPU, NODE_CPU] = [0, 1];

/**
 * Measures scenario by scenario; inside a repeat every system has its turn, so that noise meets all of them.
 * @param run { conditions, scenarios, systems? }
 * @param onScenario called with a series, one row a system, as soon as its scenario is through
 */
export async function conduct({ conditions, scenarios, systems }, repeats, onScenario, onServer) {
  const catalogue = createScenarios(conditions);
  for (const name of scenarios) {
    const scenario = catalogue[name];
    const rows = systemsFor(scenario, systems).map((system) => ({ system, runs: [] }));
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const row of rows) {
        showProgress(`${name} ${row.system} ${repeat + 1}/${repeats}`);
        row.runs.push(await runOnce(scenario, row.system, conditions, onServer));
      }
    }
    showProgress('');
    onScenario(scenario, { scenario: name, conditions, finishedAt: new Date().toISOString(), rows });
  }
}

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Variants of this package that a scenario cannot tell apart are left out of a plain run. */
function systemsFor(scenario, asked) {
  if (asked) return asked;
  return DEFAULT_SYSTEMS.filter((name) => name !== `${OURS}:direct` || scenario.measure === 'drain');
}

async function runOnce(scenario, systemName, conditions, onServer) {
  const { system, variant } = await loadSystem(systemName);
  if (system.cannot(variant).includes(scenario.kind)) return { skipped: true };
  const { aof, pin, rtt, payload } = conditions;
  const redis = await startRedis({ aof, cpu: pin ? REDIS_CPU : undefined });
  const proxy = rtt > 0 ? await startProxy(redis.port, rtt) : undefined;
  try {
    const plan = {
      system: systemName,
      measure: scenario.measure,
      params: scenario.params,
      payload,
      redisPort: redis.port,
      proxyPort: proxy?.port,
    };
    const { figures, server } = await measure(plan, pin, scenario.limitMs ?? LIMIT_MS);
    onServer(server);
    return figures;
  } catch (error) {
    return { error: error.message };
  } finally {
    await proxy?.stop();
    await redis.stop();
  }
}

function measure(plan, pin, limitMs) {
  const flags = ['--expose-gc'];
  const onOneCpu = { execPath: 'taskset', execArgv: ['-c', String(NODE_CPU), process.execPath, ...flags] };
  const child = fork(MEASURER, [JSON.stringify(plan)], {
    ...(pin ? onOneCpu : { execArgv: flags }),
    // Warnings of one system's client are no result; errors come through.
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  return new Promise((resolve, reject) => {
    let answer;
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      kill();
    }, limitMs);
    child.once('message', (message) => (answer = message));
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(limit);
      process.off('exit', kill);
      if (answer) resolve(answer);
      else
        reject(new Error(late ? `no end after ${limitMs / 1000} s` : `the measuring process ended with code ${code}`));
    });
  });
}

async function startProxy(port, delayMs) {
  const child = fork(PROXY, [JSON.stringify({ port, delayMs })]);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const proxyPort = await new Promise((resolve, reject) => {
    child.once('message', ({ port: own }) => resolve(own));
    child.once('exit', () => reject(new Error('The proxy did not start')));
  });
  return {
    port: proxyPort,
    async stop() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
