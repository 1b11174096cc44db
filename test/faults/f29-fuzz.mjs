// Payloads that JSON mangles or that attack, and handlers that throw, return or leave behind the worst.
export const id = 'F29';
export const name = 'payload-and-handler-fuzz';

const cyclic = {};
cyclic.self = cyclic;
const deep = (depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

/** Carried as JSON carries them. */
const PAYLOADS = {
  emptyArray: [],
  emptyObject: {},
  nestedEmpty: { a: [], b: {}, c: [[]] },
  null: null,
  false: false,
  zero: 0,
  emptyText: '',
  beyondDoubles: { id: 130775545883395170, max: Number.MAX_SAFE_INTEGER },
  tiny: 5e-324,
  loneSurrogate: '\ud800',
  nul: 'a\0b',
  newlines: 'a\nb\r\n\u2028c',
  envelopeLike: '1abc {"n":"x"}\n{}',
  separators: ' ,:;{}[]"\\\u0000\u001f',
  emoji: '👩‍👩‍👧‍👦 ﷽',
  proto: JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  deep900: deep(900),
  large: 'x'.repeat(200_000),
};
/** Refused at enqueue by a typed error. */
const REFUSED = {
  bigint: 1n,
  nestedBigint: { a: [1n] },
  cyclic,
  function: () => {},
  symbol: Symbol('s'),
  undefined,
  notANumber: { a: NaN },
  infinite: [Infinity],
  map: new Map([[1, 2]]),
  deep5000: deep(5000),
  huge: 'x'.repeat(5_000_000),
};

const ACTS = [
  'throwUndefined',
  'throwNull',
  'throwCyclic',
  'throwGetter',
  'throwHuge',
  'lateRejection',
  'returnBigInt',
  'returnCyclic',
  'stack',
];

export async function run(trial) {
  await trial.redis();
  const producer = await trial.producer();
  const worker = await trial.worker({ concurrency: 10, echoes: true });
  for (const [what, value] of Object.entries(PAYLOADS)) await trial.add(producer, { what, value });
  const codes = new Set();
  let refused = 0;
  for (const [what, value] of Object.entries(REFUSED)) {
    // Called past trial.add: the number would keep "undefined" from being the whole payload.
    const error = await producer.add(value).then(
      () => undefined,
      (thrown) => thrown,
    );
    trial.check(error?.code !== undefined, `${what} was ${error ? `refused by an untyped ${error}` : 'taken'}`);
    if (error?.code) refused++;
    codes.add(error?.code);
  }
  for (const act of ACTS) await trial.add(producer, { act }, { maxAttempts: 1 });
  const stuck = await trial.add(producer, { act: 'neverSettles' }, { maxAttempts: 1, timeout: 500 });
  await trial.drained();
  await trial.pause(200);

  const figures = await trial.figures();
  const { jobs } = figures;
  for (const [what, value] of Object.entries(PAYLOADS)) {
    const job = jobs.find(({ payload }) => payload?.what === what);
    const wanted = JSON.stringify(value);
    trial.check(job?.state === 'completed', `${what} is ${job?.state}: ${job?.detail?.slice(0, 200)}`);
    const result = job?.state === 'completed' && JSON.parse(job.detail);
    trial.check(result?.seen === wanted, `${what} arrived as ${String(result?.seen).slice(0, 100)}`);
    trial.check(result?.polluted === false, `${what} changed Object.prototype`);
  }
  const largest = Math.max(
    ...jobs.filter(({ state }) => state === 'dead').map(({ head, detail }) => head.length + detail.length),
  );
  Object.assign(figures, {
    payloads: Object.keys(PAYLOADS).length,
    refused,
    codes: [...codes].join(' '),
    largestStoredError: largest,
  });
  trial.judge(figures, { dead: ACTS.length, unhandled: 1 });
  trial.check(jobs.find(({ n }) => n === stuck)?.state === 'dead', 'a run that never settles ends by its timeout');
  trial.check(worker.child.exitCode === null && worker.child.signalCode === null, 'the process lives');
  // The history of errors and the line that tells the end hold the last one each.
  trial.check(largest <= 2 * 8192 + 500, `a stored error takes ${largest} bytes`);
  return figures;
}
