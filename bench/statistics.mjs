import { REFERENCES } from './systems/catalogue.mjs';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @returns { median, min, max } or undefined where nothing was measured */
export function summarize(values) {
  const known = values.filter((value) => typeof value === 'number' && Number.isFinite(value));
  if (known.length === 0) return undefined;
  return { median: median(known), min: Math.min(...known), max: Math.max(...known) };
}

export const figureOf = (row, key) => summarize(row.runs.map((run) => run[key]));

/**
 * A row against the better of the references. The ratio is taken inside each repeat, where both met the same noise, and
 * only then summed up.
 * @param rows the rows of one scenario under one set of conditions
 * @param value reads the figure of a run, such as `(run) => run.jobsPerSec`
 */
export function ratioToReference(rows, system, value, better, references = REFERENCES) {
  const own = rows.find((row) => row.system === system);
  const others = references.map((name) => rows.find((row) => row.system === name)).filter((row) => row !== undefined);
  if (own === undefined || others.length === 0) return undefined;
  const best = better === 'more' ? Math.max : Math.min;
  return summarize(
    own.runs.map((run, repeat) => {
      const measured = others.map((row) => row.runs[repeat]).filter((other) => other !== undefined);
      const values = measured.map(value).filter((figure) => Number.isFinite(figure));
      return values.length === 0 ? undefined : value(run) / best(...values);
    }),
  );
}

/** Three significant digits, thousands apart. */
export function formatNumber(value) {
  if (value === undefined) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value === 0 ? '0' : value.toFixed(2);
}

export function formatSummary(summary) {
  if (summary === undefined) return '–';
  const { median: middle, min, max } = summary;
  if (min === max) return formatNumber(middle);
  return `${formatNumber(middle)} (${formatNumber(min)}–${formatNumber(max)})`;
}
