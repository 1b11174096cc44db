// Keeps what the bars measured, and writes the tables of docs/schedules.md from it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describeMachine } from '../results-file.mjs';

const RESULTS = new URL('./results.json', import.meta.url);
const PAGE = new URL('../../../docs/schedules.md', import.meta.url);
const BEGIN = '<!-- figures -->';
const END = '<!-- end of figures -->';
const PACKAGES = {
  'task-queue': '../../../package.json',
  bullmq: '../../../bench/node_modules/bullmq/package.json',
  'nestjs-schedule': '../../../bench/node_modules/@nestjs/schedule/package.json',
};
const NAMES = { 'task-queue': 'nestjs-task-queue', bullmq: 'bullmq', 'nestjs-schedule': '@nestjs/schedule' };

const ms = (value) => (value === undefined ? '' : `${value} ms`);
const percent = (value) => `${value} %`;
const thousands = (value) => value.toLocaleString('en-US');

/** Per bar: what its table is headed by, and per row what it says, from the figures of a system. */
const TABLES = {
  chaos: {
    title: 'Five processes that are killed, frozen and redeployed',
    rows: {
      'processes killed, frozen': ({ kills, freezes }) => `${kills}, ${freezes}`,
      'ticks that came': ({ ticks }) => ticks,
      '**fired more than once**': ({ fires, duplicates }) => `**${duplicates}** (${fires} fires)`,
      "**without a fire, `missed: 'all'`**": ({ missed }) => `**${missed.all}**`,
      "without a fire of their own, `'once'`": ({ missed }) => missed.once,
      'gaps: told by exactly one job': ({ gaps: { once } }, system) =>
        system === 'task-queue' ? `${once.told} of ${once.count}` : 'not told',
      'fired by a rule that had been replaced': ({ setBack }) => setBack,
      'fired after its tick, p50, p99, most': ({ firedP50, firedP99, firedMax }) =>
        firedP99 === undefined ? '' : `${firedP50}, **${firedP99}**, ${firedMax} ms`,
      'handler began after its tick, p50, p99, most': ({ begunP50, begunP99, begunMax }) =>
        `${begunP50}, ${begunP99}, ${begunMax} ms`,
      'runs that a kill or freeze repeated': ({ extraRuns }, system) => (system === 'nestjs-schedule' ? '' : extraRuns),
    },
  },
  ahead: {
    title: 'A clock that is seven seconds ahead',
    rows: {
      'ticks of 30 s that ran': ({ runs }) => runs,
      '**early**': ({ early }) => `**${early}**`,
      'of them beside a process whose clock is right': ({ earlyBesideARightClock }) => earlyBesideARightClock,
      'earliest, before its tick': ({ earliestMs }) => ms(earliestMs),
    },
  },
  crowd: {
    title: 'A hundred thousand schedules, one a minute each',
    rows: {
      registered: ({ registeredPerSecond }) => `${thousands(registeredPerSecond)}/s`,
      'bytes of Redis per schedule, before and after its first tick': ({ bytesPerSchedule, bytesPerScheduleInUse }) =>
        `${bytesPerSchedule}, ${bytesPerScheduleInUse}`,
      'Redis while nothing is due': ({ idleRedisCpuPercent, idleCommandsPerSecond }) =>
        `${percent(idleRedisCpuPercent)} of a core, ${idleCommandsPerSecond} commands/s`,
      'ticks of two minutes': ({ ticks, ticksPerSecond }) => `${thousands(ticks)} (${thousands(ticksPerSecond)}/s)`,
      'missing, twice': ({ missing, duplicates }) => `${missing}, ${duplicates}`,
      'handler began after its tick, p50, p99, most': ({ lateP50, lateP99, lateMax }) =>
        `${lateP50}, **${lateP99}**, ${lateMax} ms`,
      'Redis while they fire and run': ({ redisCpuPercent, redisMicrosPerTick }) =>
        `${percent(redisCpuPercent)} of a core, ${redisMicrosPerTick} µs a tick`,
      'Node for a tick and its job': ({ nodeMicrosPerTick }) => `${nodeMicrosPerTick} µs`,
    },
  },
  times: {
    title: 'Expressions',
    rows: {
      'the next tick, p50, p99, most': ({ nextP50, nextP99, nextMax, searches }) =>
        `${nextP50}, ${nextP99}, **${nextMax} ms** (${thousands(searches)} searches)`,
      'the slowest of them': ({ slowest }) => `\`${slowest.replace(/ in (\S+), (\d+)$/, '` in $1, $2')}`,
      'an expression that never matches is refused within': ({ neverMax }) => ms(neverMax),
      'an expression of 10 kB is refused within': ({ longMax }) => ms(longMax),
    },
  },
};

/** A result replaces that of the same bar and system. */
export async function keep(result) {
  const kept = read();
  const others = kept.results.filter(({ bar, system }) => bar !== result.bar || system !== result.system);
  const { version } = JSON.parse(readFileSync(new URL(PACKAGES[result.system], import.meta.url), 'utf8'));
  const content = { machine: describeMachine(), results: [...others, { ...result, version }] };
  content.results.sort((a, b) => `${a.bar} ${a.system}`.localeCompare(`${b.bar} ${b.system}`));
  await write(RESULTS, JSON.stringify(content));
}

export async function renderPage() {
  const { machine, results } = read();
  const parts = [];
  for (const [bar, { title, rows }] of Object.entries(TABLES)) {
    const measured = Object.keys(NAMES).flatMap((system) =>
      results.filter((result) => result.bar === bar && result.system === system),
    );
    if (measured.length === 0) continue;
    const head = ['', ...measured.map(({ system, version }) => `${NAMES[system]} ${version}`)];
    const lines = Object.entries(rows).map(([label, cell]) => [
      label,
      ...measured.map(({ system, figures }) => cell(figures, system)),
    ]);
    const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
    parts.push(`### ${title}\n\n${table}`);
  }
  const { cores, cpu, memoryGb, node, redis } = machine;
  parts.push(`Measured with Redis ${redis} and Node ${node.slice(1)} on ${cores} cores (${cpu}, ${memoryGb} GB).`);
  const page = readFileSync(PAGE, 'utf8');
  const text = `${page.slice(0, page.indexOf(BEGIN) + BEGIN.length)}\n\n${parts.join('\n\n')}\n\n${page.slice(page.indexOf(END))}`;
  await write(PAGE, text);
}

async function write(url, text) {
  const filepath = fileURLToPath(url);
  writeFileSync(url, await format(text, { ...(await resolveConfig(filepath)), filepath }));
}

function read() {
  return existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : { machine: describeMachine(), results: [] };
}
