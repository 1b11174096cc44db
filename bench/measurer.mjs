// One scenario, one system, one repeat, in a process of its own: the producer side lives here.
import { Redis } from 'ioredis';
import { nowUs, readServer, round } from './gauges.mjs';
import * as drains from './measures/drain.mjs';
import * as enqueues from './measures/enqueue.mjs';
import * as flows from './measures/flow.mjs';
import * as footprints from './measures/footprint.mjs';
import * as profiles from './measures/profile.mjs';
import * as waits from './measures/waiting.mjs';
import { payloadMaker } from './payloads.mjs';
import { Stage } from './stage.mjs';
import { loadSystem } from './systems/catalogue.mjs';

const MEASURES = { ...drains, ...enqueues, ...flows, ...footprints, ...profiles, ...waits };
const HOST = '127.0.0.1';
const PINGS = 200;

const plan = JSON.parse(process.argv[2]);
process.on('disconnect', () => process.exit(1));

const { system, variant } = await loadSystem(plan.system);
const admin = new Redis({ host: HOST, port: plan.redisPort });
await admin.flushall();
const stage = new Stage({
  system,
  systemName: plan.system,
  variant,
  params: plan.params,
  admin,
  site: { host: HOST, port: plan.proxyPort ?? plan.redisPort },
  payload: payloadMaker(plan.payload),
});
const figures = await MEASURES[plan.measure](stage);
if (plan.proxyPort)
  figures.pingUs = { direct: await medianPing(plan.redisPort), proxied: await medianPing(plan.proxyPort) };
const server = await readServer(admin);
admin.disconnect();
process.send({ figures: flatten(figures), server }, () => process.exit(0));

/** { latencyUs: { p50: 1 } } → { 'latencyUs.p50': 1 } */
function flatten(value, path = '') {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) =>
      typeof part === 'object' ? Object.entries(flatten(part, `${path}${key}.`)) : [[`${path}${key}`, part]],
    ),
  );
}

async function medianPing(port) {
  const redis = new Redis({ host: HOST, port });
  const times = [];
  for (let sent = 0; sent < PINGS; sent++) {
    const from = nowUs();
    await redis.ping();
    times.push(nowUs() - from);
  }
  redis.disconnect();
  return round(times.toSorted((a, b) => a - b)[PINGS / 2]);
}
