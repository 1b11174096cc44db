// A proxy lets a request through and loses its reply: of 200 enqueues, then of the turns that settle 30 jobs.
export const id = 'F09';
export const name = 'lost-reply';
export const systems = ['bullmq'];

export async function run(trial) {
  await trial.redis();
  const proxy = await trial.proxy();
  const auditor = await trial.auditor();
  const calls = 200;

  const producer = await trial.producer({ connection: proxy.url });
  await trial.add(producer); // job numbers and scripts are at hand
  let dropped = 0;
  for (let index = 0; index < calls; index++) {
    void proxy.dropReply((bytes) => /evalsha/i.test(bytes) && bytes.includes('"n":')).then(() => dropped++);
    await trial.add(producer, { ms: 1 });
  }
  const { jobs } = await auditor.audit();
  const figures = { enqueued: calls + 1, droppedEnqueues: dropped, storedJobs: jobs.length - 1 };
  const plain = await trial.worker();
  await trial.drained();
  plain.kill('SIGTERM');
  await plain.exited;

  // Now the replies to settlements: the first to each, so that the repeated call is answered.
  const settling = trial.ours ? await settlingTurn(trial) : (bytes) => bytes.includes('keepJobs');
  const direct = await trial.producer();
  const settled = await trial.fill(direct, 30, () => ({ ms: trial.someMs() }));
  const seen = new Set();
  let stopped = false;
  let lostTurns = 0;
  const worker = await trial.proxy();
  const isFirst = (bytes) => settling(bytes) && !seen.has(bytes) && Boolean(seen.add(bytes));
  void (async () => {
    while (!stopped) {
      await worker.dropReply(isFirst);
      lostTurns++;
    }
  })();
  await trial.worker({ connection: worker.url, concurrency: 4 });
  await trial.drained(120_000);
  stopped = true;
  Object.assign(figures, await trial.figures(), { lostTurns });
  const ran = new Set(
    trial
      .entries()
      .filter(({ type }) => type === 'start')
      .map(({ n }) => n),
  );
  const ofThese = figures.jobs.filter(({ n }) => settled.includes(n));
  figures.settled = ofThese.filter(({ state }) => state === 'completed').length;
  figures.deadWithoutRun = ofThese.filter(({ n, state }) => state === 'dead' && !ran.has(n)).length;
  trial.judge(figures);
  trial.check(dropped === calls, `${dropped} of ${calls} replies to enqueues were lost`);
  trial.check(figures.storedJobs === calls, `${figures.storedJobs} jobs stored by ${calls} calls`);
  trial.check(figures.settled === settled.length, `${figures.settled} of ${settled.length} jobs completed`);
  trial.check(lostTurns > 5, `only ${lostTurns} replies to settlements were lost`);
  return figures;
}

async function settlingTurn(trial) {
  const { loadScripts } = await import(`${trial.dist}/redis/wire/script-library.js`);
  const scripts = loadScripts();
  const shas = [scripts['settle-and-reserve'].sha, scripts['turn-plain'].sha];
  return (bytes) => shas.some((sha) => bytes.includes(sha)) && /\r\n\$1\r\n[CK]\r\n/.test(bytes);
}
