import { figureOf, formatSummary, ratioToReference } from './statistics.mjs';
import { OURS } from './systems/catalogue.mjs';

const isOurs = (system) => system === OURS || system.startsWith(`${OURS}:`);

/** The rows of one scenario as text: medians with min–max, and ours against the better bullmq. */
export function printScenario(scenario, { rows, conditions }) {
  const figures = scenario.figures.filter(({ key }) => rows.some((row) => figureOf(row, key)));
  const head = ['', ...figures.map(({ key, unit }) => (unit ? `${key} [${unit}]` : key))];
  if (figures.length > 0) head.push(`× bullmq: ${figures[0].key}`);
  const lines = rows.map((row) => [row.system, ...cellsOf(row, rows, figures)]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => (line[column] ?? '').length)),
  );
  console.log(`\n${scenario.name}: ${scenario.about}${describeConditions(conditions)}`);
  for (const line of [head, ...lines]) {
    console.log(`  ${line.map((cell, column) => cell.padEnd(widths[column])).join('  ')}`.trimEnd());
  }
}

function cellsOf(row, rows, figures) {
  const failed = row.runs.filter(({ error }) => error !== undefined);
  if (row.runs.every(({ skipped }) => skipped)) return ['not possible'];
  if (failed.length === row.runs.length) return [`failed: ${failed[0].error}`];
  const cells = figures.map(({ key }) => formatSummary(figureOf(row, key)));
  const [headline] = figures;
  const ratio = isOurs(row.system) && ratioToReference(rows, row.system, (run) => run[headline.key], headline.better);
  cells.push(ratio ? formatSummary(ratio) : '');
  if (failed.length > 0) cells.push(`${failed.length} failed: ${failed[0].error}`);
  return cells;
}

/** What differs from a plain run, such as ` (AOF, payload 2000 B)`. */
export function describeConditions({ aof, payload, rtt, pin, scale }) {
  const parts = [];
  if (aof) parts.push('AOF everysec');
  if (payload !== 100) parts.push(`payload ${payload} B`);
  if (rtt > 0) parts.push(`${rtt} ms of round trip added`);
  if (pin) parts.push('pinned');
  if (scale !== 1) parts.push(`job counts × ${scale}`);
  return parts.length > 0 ? ` (${parts.join(', ')})` : '';
}
