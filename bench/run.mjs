// npm run bench: measures, prints, and writes JSON; with --goals or --report it reads that again instead.
import { readOptions, USAGE } from './options.mjs';
import { buildPackage, installPeers } from './preparer.mjs';
import { readNewestResults, readResults, ResultsFile } from './results-file.mjs';
import { createScenarios } from './scenarios.mjs';
import { SYSTEM_NAMES } from './systems/catalogue.mjs';

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130)); // children go on 'exit'

let options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`);
  process.exit(2);
}

if (options.help) console.log(USAGE);
else if (options.list) list();
else if (options.goals) await printGoals(options.from ? readResults(options.from) : readNewestResults());
else if (options.report) await report();
else await measure();

async function measure() {
  installPeers();
  if (options.build) buildPackage();
  // Only now can the systems be loaded.
  const { conduct } = await import('./conductor.mjs');
  const { printScenario } = await import('./table.mjs');
  const file = new ResultsFile(options.out);
  for (const run of options.runs) {
    const onScenario = (scenario, series) => {
      file.put(series);
      printScenario(scenario, series);
    };
    await conduct(run, options.repeats, onScenario, (server) => file.describe(server));
  }
  if (options.plan === 'goals') await printGoals(file.content);
  console.log('\nnpm run bench -- --report renders them into docs/performance.md');
}

async function printGoals(results) {
  const { printGoals: print } = await import('./goal-table.mjs');
  if (!print(results)) process.exitCode = 1;
}

async function report() {
  const { writeReport } = await import('./report.mjs');
  await writeReport(options.from ? readResults(options.from) : readNewestResults());
  console.log('docs/performance.md and docs/charts/ are written');
}

function list() {
  const scenarios = Object.values(createScenarios(options.runs[0].conditions));
  for (const { name, about, extra } of scenarios)
    console.log(`${name.padEnd(16)} ${about}${extra ? ' (on request)' : ''}`);
  console.log(`\nsystems: ${SYSTEM_NAMES.join(', ')}`);
}
