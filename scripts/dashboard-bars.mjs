// `npm run dashboard:bars -- [--queues 50] [--jobs 1000000]`: how the dashboard does with much in it, on a Redis of its own.
// Prints the table of docs/dashboard.md. Nothing else should run on the machine meanwhile.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { launchChromium } from '../test/dashboard/chromium.mjs';
import { startDemo } from '../test/dashboard/demo.mjs';
import { startRedisServer } from '../test/support/redis-process.mjs';
import { weigh } from './build-dashboard.mjs';

const { values } = parseArgs({ options: { queues: { type: 'string' }, jobs: { type: 'string' } } });
const QUEUES = Number(values.queues ?? 50);
const JOBS = Number(values.jobs ?? 1_000_000);
const CHUNK = 1000;
const VISITS = 5;
const CHANGES = 30;
const TABS = 20;
const QUIET_MS = 20_000;

const names = Array.from({ length: QUEUES }, (_, index) => `queue-${String(index + 1).padStart(2, '0')}`);
const rows = [];
const server = await startRedisServer();
const redis = new Redis(server.url);
const browser = await launchChromium();
try {
  const { firstKb, allKb } = weigh(join(fileURLToPath(new URL('..', import.meta.url)), 'dist/dashboard/ui'));
  rows.push(['JS and CSS, gzipped', `first load ${firstKb.toFixed(1)} kB, all ${allKb.toFixed(1)} kB`]);

  const bare = await startDemo({ connection: server.url, names, dashboard: false });
  await fill(bare.queues);
  const without = await callsOf(QUIET_MS);
  await bare.app.close();

  const demo = await startDemo({ connection: server.url, names });
  const quiet = await callsOf(QUIET_MS);
  const own = [...quiet.keys()].filter((call) => !without.has(call));
  rows.push([
    `calls to Redis in ${QUIET_MS / 1000} s, nobody looks`,
    `${sum(quiet)} with the dashboard, ${sum(without)} without (duties have no fixed beat); kinds that came only with it: ${own.join(', ') || 'none'}`,
  ]);
  for (const slowdown of [1, 4]) await measureVisits(demo.url, slowdown);
  await measureChanges(demo);
  await measureJobPage(demo);
  await measureTabs(demo);
  await demo.app.close();
} finally {
  await browser.close();
  redis.disconnect();
  await server.stop();
}
console.log(`\n${QUEUES} queues, ${JOBS.toLocaleString('en')} jobs\n\n| what | measured |\n| --- | --- |`);
for (const row of rows) console.log(`| ${row.join(' | ')} |`);

async function fill(queues) {
  for (let stored = 0; stored < JOBS; stored += CHUNK) {
    const count = Math.min(CHUNK, JOBS - stored);
    const jobs = Array.from({ length: count }, (_, n) => ({ payload: { order: stored + n, tenant: { id: n % 50 } } }));
    await queues.enqueueMany(names[(stored / CHUNK) % QUEUES], jobs);
    if (stored % 100_000 === 0) console.log(`${stored + count} jobs`);
  }
}

/** What the server was asked meanwhile: how often, by command, and of scripts by their hash. */
async function callsOf(ms) {
  await pause(3000); // what a start asks once
  const calls = new Map();
  const monitor = await redis.monitor();
  monitor.on('monitor', (_, [command, script], source) => {
    if (source === 'lua') return;
    const call = /^eval/i.test(command) ? `script ${script.slice(0, 8)}` : command.toLowerCase();
    calls.set(call, (calls.get(call) ?? 0) + 1);
  });
  await pause(ms);
  monitor.disconnect();
  return calls;
}

function sum(calls) {
  return [...calls.values()].reduce((total, one) => total + one, 0);
}

async function newPage() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  return context.newPage();
}

async function measureVisits(url, slowdown) {
  const paints = [];
  const shown = [];
  for (let visit = 0; visit < VISITS; visit++) {
    const page = await newPage();
    const debug = await page.context().newCDPSession(page);
    await debug.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
    await page.goto(url, { waitUntil: 'commit' });
    await page.waitForFunction((count) => document.querySelectorAll('table.queues tbody tr').length >= count, QUEUES, {
      polling: 'raf',
    });
    shown.push(await page.evaluate(() => performance.now()));
    paints.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
    await page.context().close();
  }
  const cpu = slowdown === 1 ? '' : `, CPU ${slowdown} times slower`;
  rows.push([`first contentful paint${cpu}`, `${ms(median(paints))}, median of ${VISITS}`]);
  rows.push([`rows of all queues shown${cpu}`, `${ms(median(shown))}, median of ${VISITS}`]);
}

/** From a change in the store to the number on the page. */
async function measureChanges({ url, queues }) {
  const page = await newPage();
  await page.goto(`${url}?queue=${names[0]}&state=scheduled`);
  await page.locator('.live.live').waitFor();
  await page.locator('.state-tabs').waitFor();
  const took = [];
  const { scheduled } = await queues.counts(names[0]);
  for (let change = 1; change <= CHANGES; change++) {
    await pause(Math.random() * 1000);
    const began = Date.now();
    await queues.enqueue(names[0], {}, { delay: '1d' });
    await page.waitForFunction(
      (count) => document.querySelector('.state-tabs [aria-current] .tab-count')?.textContent === String(count),
      scheduled + change,
      { polling: 'raf' },
    );
    took.push(Date.now() - began);
  }
  rows.push([
    'a change in the store, until its number is on the page',
    `p50 ${ms(at(took, 0.5))}, p95 ${ms(at(took, 0.95))}`,
  ]);
  await page.context().close();
}

/** From the end of a job to its page. */
async function measureJobPage({ url, queues }) {
  const took = [];
  const page = await newPage();
  for (let run = 0; run < 10; run++) {
    const job = await queues.enqueue(names[1], {}, { delay: '1d' });
    await page.goto(`${url}?queue=${names[1]}&job=${job.number}`);
    await page.locator('.live.live').waitFor();
    await page.locator('h1 .s-scheduled').waitFor();
    await pause(500);
    const began = Date.now();
    await job.cancel();
    await page.waitForFunction(() => document.querySelector('h1 .s-cancelled') !== null, undefined, { polling: 'raf' });
    took.push(Date.now() - began);
  }
  rows.push(['the end of a job, until its page shows it', `p50 ${ms(at(took, 0.5))}, p95 ${ms(at(took, 0.95))}`]);
  await page.context().close();
}

async function measureTabs({ url }) {
  const context = await browser.newContext();
  let streams = 0;
  context.on('request', (request) => (streams += request.url().includes('/api/live') ? 1 : 0));
  for (let tab = 0; tab < TABS; tab++) {
    const page = await context.newPage();
    await page.goto(url);
    await page.locator('.live.live').waitFor();
  }
  rows.push([`streams of ${TABS} tabs of one browser`, String(streams)]);
  await context.close();
}

function median(list) {
  return at(list, 0.5);
}

function at(list, part) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)];
}

function ms(value) {
  return `${Math.round(value)} ms`;
}
