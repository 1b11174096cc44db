// Which results a page shows first: those of loads that users run, before those of a queue that is never empty.
import { createScenarios } from './scenarios.mjs';
import { CONDITIONS } from './options.mjs';

const PLAIN_PAYLOAD = CONDITIONS.payload;
const USUAL = /^(steady-|sleep-|mixed|rss|idle|latency-|delayed|split)/;

export const groupOf = ({ scenario, conditions }) =>
  USUAL.test(scenario) || conditions.payload > PLAIN_PAYLOAD ? 'usual' : 'saturated';

/** The order of the catalogue, whatever the order in which they were measured; plain conditions first. */
export function inOrder(allSeries) {
  const names = Object.keys(createScenarios(CONDITIONS));
  const rank = ({ scenario, conditions: { payload, aof, rtt } }) => [payload, aof, rtt, names.indexOf(scenario)];
  return allSeries.toSorted((one, other) => {
    const [a, b] = [rank(one), rank(other)];
    const differing = a.findIndex((value, index) => value !== b[index]);
    return differing === -1 ? 0 : a[differing] - b[differing];
  });
}
