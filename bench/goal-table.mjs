// The goals beside what was measured, for the page and for a terminal.
import { describeBar, GOALS, judge, measureGoal } from './goals.mjs';
import { finderOf } from './series-finder.mjs';
import { formatSummary } from './statistics.mjs';

/** @returns [{ what, bar, ratio, verdict }] of one group of goals */
export function judgeGoals(group, findSeries) {
  return GOALS[group].map((goal) => {
    const summary = measureGoal(goal, findSeries);
    return { what: goal.what, bar: describeBar(goal), ratio: formatSummary(summary), verdict: judge(goal, summary) };
  });
}

/** @returns whether every goal has passed */
export function printGoals({ series }) {
  const lines = Object.keys(GOALS).flatMap((group) => judgeGoals(group, finderOf(series)));
  const widthOf = (key) => Math.max(...lines.map((line) => line[key].length));
  const [what, bar, ratio] = ['what', 'bar', 'ratio'].map(widthOf);
  console.log('\nGoals: medians of ratios, with minimum–maximum');
  for (const line of lines)
    console.log(`  ${line.what.padEnd(what)}  ${line.bar.padEnd(bar)}  ${line.ratio.padEnd(ratio)}  ${line.verdict}`);
  const passed = lines.filter(({ verdict }) => verdict === 'passed').length;
  console.log(`${passed} of ${lines.length} passed`);
  return passed === lines.length;
}
