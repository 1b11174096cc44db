// Renders docs/performance.md and its charts from one file of results. Every number in it comes from there.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { drawCharts } from './report-charts.mjs';
import { judgeGoals } from './goal-table.mjs';
import { describeCosts } from './report-costs.mjs';
import { groupOf, inOrder } from './scenario-groups.mjs';
import { createScenarios } from './scenarios.mjs';
import { finderOf } from './series-finder.mjs';
import { figureOf, formatNumber, formatSummary, ratioToReference } from './statistics.mjs';
import { describeConditions } from './table.mjs';
import { OURS } from './systems/catalogue.mjs';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const CHARTS = fileURLToPath(new URL('../docs/charts/', import.meta.url));

export async function writeReport(results) {
  const finder = finderOf(results.series);
  const series = inOrder(results.series);
  mkdirSync(CHARTS, { recursive: true });
  for (const old of readdirSync(CHARTS)) if (old.endsWith('.svg')) rmSync(CHARTS + old);
  const charts = drawCharts(finder);
  for (const { file, svg } of charts) writeFileSync(CHARTS + file, svg);
  const page = [
    ...heading(results),
    ...goalTables(finder),
    '## In pictures',
    ...charts.filter(({ profile }) => !profile).map(({ file, title }) => `![${title}](charts/${file})`),
    ...rivalsAhead(series),
    ...describeCosts(
      finder,
      charts.filter(({ profile }) => profile),
    ),
    ...Object.entries(GROUP_TITLES).flatMap(([group, title]) => figuresOf(title, series.filter(isOf(group)))),
    ...howTo(),
  ].join('\n\n');
  writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), parser: 'markdown' }));
}

const isOf = (group) => (series) => groupOf(series) === group;

function heading({ machine, versions, finishedAt, series }) {
  const repeats = [...new Set(series.flatMap(({ rows }) => rows.map(({ runs }) => runs.length)))].sort((a, b) => a - b);
  const scaled = series.some(({ conditions }) => conditions.scale !== 1);
  const peers = ['bullmq', 'bee-queue', 'ioredis'].map((name) => `${name} ${versions[name]}`);
  return [
    '# Performance',
    '<!-- Written by `npm run bench -- --report`: change bench/, not this file. -->',
    `nestjs-task-queue ${versions['nestjs-task-queue']} beside ${peers.join(', ')}, on ${machine.cpu} with ${machine.cores} cores and ${machine.memoryGb} GB (${machine.platform}), Node ${machine.node.slice(1)}, ${machine.server}; ${repeats.join(' to ')} repeats, ${finishedAt.slice(0, 10)}.`,
    ...(scaled ? ['**Part of this was measured with smaller job counts than usual: a trial run, not a result.**'] : []),
    'This package runs as its users run it: a Nest application, a decorated method, the module at its built-in defaults. Producer, worker and Redis are processes of their own and share those cores; each run has a fresh Redis. Systems take turns inside a repeat. Figures are medians with minimum–maximum. Ratios are taken inside each repeat, to the better of `bullmq` and `bullmq:rm`, and their median is shown: a machine that others share swings, and only ratios of runs that took turns mean something there.',
    '`bullmq` keeps completed jobs, `bullmq:rm` removes them, `bee-queue` sends events and keeps succeeded jobs, `bee-queue:fast` does neither; `raw` is one LPUSH and one BRPOP a job, `raw:pipe` the same in batches: no queue, but the floor under one. `task-queue:p0` is this package with `prefetch: 0`, `task-queue:direct` its worker class without Nest around it.',
  ];
}

const GROUP_TITLES = {
  usual: 'At the loads that users run',
  saturated: 'Saturated: a queue that is never empty, and handlers that do nothing',
};

function goalTables(findSeries) {
  const tables = Object.entries(GROUP_TITLES).flatMap(([group, title]) => {
    const lines = judgeGoals(group, findSeries).map(({ what, bar, ratio, verdict }) => [
      ...[what, bar, ratio],
      verdict === 'failed' ? '**failed**' : verdict,
    ]);
    return [`### ${title}`, table(['', 'bar', 'ratio in this run', ''], lines)];
  });
  return ['## Goals', ...tables];
}

/** Where a rival's median beats ours, raw Redis included: nobody should have to find out by themselves. */
function rivalsAhead(allSeries) {
  const lines = [];
  for (const { scenario, conditions, rows } of allSeries) {
    const own = rows.find(({ system }) => system === OURS);
    for (const figure of createScenarios(conditions)[scenario].figures) {
      const ours = own && figureOf(own, figure.key)?.median;
      if (ours === undefined || figure.key === 'commandsPerJob') continue;
      const ahead = rows.flatMap((row) => (row.system.startsWith(OURS) ? [] : leadOf(row, figure, ours)));
      if (ahead.length === 0) continue;
      const name = figure.unit ? `${figure.key}, ${figure.unit}` : figure.key;
      lines.push([scenario + describeConditions(conditions), name, formatNumber(ours), ahead.join(', ')]);
    }
  }
  const note =
    'By medians, in this run. Raw Redis and systems that keep nothing do less for it; the tables below have everything.';
  const head = ['scenario', 'figure', 'ours', 'ahead of it'];
  return [
    '## Where others are ahead',
    ...(lines.length > 0 ? [note, table(head, lines, 'left')] : ['Nowhere in this run.']),
  ];
}

/** @returns `[text]` where this row beats ours, else nothing */
function leadOf({ system, runs }, { key, better, notFor = [] }, ours) {
  const theirs = figureOf({ runs }, key)?.median;
  if (theirs === undefined || notFor.includes(system)) return [];
  const factor = better === 'more' ? theirs / ours : ours / theirs;
  if (!(factor > 1)) return [];
  return [`${system} ${formatNumber(theirs)}${Number.isFinite(factor) ? ` (${formatNumber(factor)}×)` : ''}`];
}

function figuresOf(title, allSeries) {
  return [
    `## ${title}`,
    ...allSeries.flatMap(({ scenario: name, conditions, rows }) => {
      const scenario = createScenarios(conditions)[name];
      const figures = scenario.figures.filter(({ key }) => rows.some((row) => figureOf(row, key)));
      if (figures.length === 0) return [];
      const [{ key: headline, better }] = figures;
      const lines = rows.map((row) => {
        const failures = row.runs.filter(({ error }) => error).length;
        const name = failures > 0 ? `${row.system} (${failures} runs failed)` : row.system;
        const ratio = ratioToReference(rows, row.system, (run) => run[headline], better);
        if (row.runs.every(({ skipped }) => skipped)) return [name, 'not possible', ...figures.map(() => '')];
        return [name, ...figures.map(({ key }) => formatSummary(figureOf(row, key))), formatSummary(ratio)];
      });
      const head = [
        '',
        ...figures.map(({ key, unit }) => (unit ? `${key}, ${unit}` : key)),
        `${headline}: × better bullmq`,
      ];
      return [
        `### ${name}${describeConditions(conditions)}`,
        sentence(scenario.about),
        table(head, lines),
        ...pings(rows),
      ];
    }),
  ];
}

function pings(rows) {
  const [direct, proxied] = ['direct', 'proxied'].map((way) =>
    rows.map((row) => figureOf(row, `pingUs.${way}`)).find(Boolean),
  );
  if (!proxied) return [];
  return [
    `A PING took ${formatNumber(direct.median)} µs without the proxy and ${formatNumber(proxied.median)} µs through it.`,
  ];
}

const sentence = (about) => `${about[0].toUpperCase()}${about.slice(1)}.`;

function howTo() {
  return [
    '## How to repeat it',
    'Needed: a redis-server (or Valkey) in the path or named by `REDIS_SERVER`, Node, and a machine that does nothing else meanwhile. The rivals are installed into `bench/node_modules` on first use.',
    '```sh\nnpm run bench                                  # all but the long scenarios, 3 repeats\nnpm run bench -- --scenario drain-10,retry --systems bullmq,bullmq:rm,task-queue --repeats 5\nnpm run bench -- --plan goals --scale 0.5       # what the table of goals needs, 25 minutes\nnpm run bench -- --goals                        # that table, from the newest results\nnpm run bench -- --plan full --repeats 5        # everything on this page\nnpm run bench -- --report                       # this page, from the newest results\nnpm run bench -- --help                         # AOF, payload size, round trip, pinning, queues, workers\n```',
    'Throughput with one job in flight is the time of a round trip, and on a virtual machine mostly the time a core takes to wake up: `--pin` steadies it.',
  ];
}

function table(head, lines, align = 'right') {
  const row = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_cell, column) => (column === 0 || align === 'left' ? '---' : '---:'));
  return [row(head), row(rule), ...lines.map(row)].join('\n');
}
