// How long an expression takes: to be read, to be refused, and to find its next tick.
export const id = 'times';

const EXPRESSIONS = [
  '* * * * * *',
  '*/5 * * * *',
  '0 12 * * 1-5',
  '30 2 * * *',
  '0 0 29 2 *',
  '0 0 31 * *',
  '59 59 23 L * *',
  '0 9 15W * *',
  '0 0 * * 5#5',
  '0 0 29 2 1',
  '0 0 13 * 5',
  '0 0 0 1 1 * 2099',
  '0 0 0 29 2 * 1999-2003',
  '7,11,13 3-21/3 * JAN,MAY,SEP MON-FRI',
  '30 23 L 2 *',
];
const ZONES = ['UTC', 'Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Africa/Cairo', 'Pacific/Apia'];
const NEVER = [
  '0 0 30 2 *',
  '0 0 31 4 *',
  '0 0 31 2,4,6,9,11 *',
  '0 0 0 30 2 * 2030',
  '0 0 0 29 2 * 2027',
  '0 0 0 31 9 *',
];
const NEXT_MS = 5;
const NEVER_MS = 50;
const AT_ONCE_MS = 1;
const YEARS = [1999, 2011, 2018, 2024, 2026, 2096];

export async function run(trial) {
  const { CronExpression } = await import(`${trial.dist}/schedules/rule/cron-expression.js`);
  const next = [];
  let slowest = { ms: 0 };
  for (const zone of ZONES) {
    for (const expression of EXPRESSIONS) {
      // Three of them, because each remembers its last answer.
      const crons = Array.from({ length: 3 }, () => CronExpression.parse(expression, zone));
      for (const year of YEARS) {
        let after = Date.UTC(year, 1, 27, 11, 7);
        for (let tick = 0; tick < 8 && after !== undefined; tick++) {
          const from = after;
          const ms = Math.min(...crons.map((cron) => timed(() => (after = cron.nextTick(from)))));
          next.push(ms);
          if (ms > slowest.ms) slowest = { ms, expression, zone, year };
        }
      }
    }
  }
  const refusals = NEVER.flatMap((expression) =>
    ZONES.map((zone) => fastest(() => refused(trial, expression, () => CronExpression.parse(expression, zone)))),
  );
  const long = ['* '.repeat(5120), `${'1,'.repeat(5000)}1 * * * *`, '*'.repeat(10_240)];
  const longest = long.map((text) => fastest(() => refused(trial, '10 kB', () => CronExpression.parse(text))));
  const figures = {
    searches: next.length,
    nextP50: round(next.sort((a, b) => a - b)[Math.floor(next.length / 2)]),
    nextP99: round(next[Math.floor(next.length * 0.99)]),
    nextMax: round(slowest.ms),
    slowest: `${slowest.expression} in ${slowest.zone}, ${slowest.year}`,
    neverMax: round(Math.max(...refusals)),
    longMax: round(Math.max(...longest)),
  };
  trial.check(figures.nextMax <= NEXT_MS, `next took ${figures.nextMax} ms: ${figures.slowest}`);
  trial.check(figures.neverMax <= NEVER_MS, `an expression that never matches took ${figures.neverMax} ms`);
  trial.check(figures.longMax <= AT_ONCE_MS, `10 kB took ${figures.longMax} ms`);
  return figures;
}

function timed(work) {
  const from = performance.now();
  work();
  return performance.now() - from;
}

/** The fastest of three, because a machine that does something else meanwhile says nothing of the work. */
function fastest(work) {
  return Math.min(timed(work), timed(work), timed(work));
}

function refused(trial, what, work) {
  try {
    work();
  } catch (error) {
    return void trial.check(error.code === 'TASK_QUEUE_INVALID_CRON', `${what}: ${error.message}`);
  }
  trial.check(false, `${what} was taken`);
}

function round(ms) {
  return Math.round(ms * 100) / 100;
}
