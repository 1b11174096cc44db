import { CONDITIONS } from './options.mjs';

/**
 * @returns a function that finds the newest series of a scenario under these conditions that has all these systems; of several,
 * the one with the most systems
 */
export function finderOf(allSeries) {
  return (scenario, conditions = {}, systems = []) =>
    allSeries
      .filter((series) => series.scenario === scenario && sameConditions(series.conditions, conditions))
      .filter(({ rows }) =>
        systems.every((system) => rows.some((row) => row.system === system && row.runs.some(measured))),
      )
      .toSorted((a, b) => b.rows.length - a.rows.length || (a.finishedAt < b.finishedAt ? 1 : -1))[0];
}

const measured = (run) => !run.error && !run.skipped;

function sameConditions(conditions, wanted) {
  return ['aof', 'payload', 'rtt', 'pin'].every((key) => conditions[key] === (wanted[key] ?? CONDITIONS[key]));
}
