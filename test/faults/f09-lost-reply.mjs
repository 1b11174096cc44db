// A proxy lets a request through and loses its reply: of every enqueue, then of every turn that settles jobs.
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
  const figures = { enqueued: calls + 1, droppedEnqueues: dropped, storedJobs: jobs.length };

  // Now the replies to settlements: the first to each, so that the repeated call is answered.
  const settling = trial.ours ? await settlingTurn(trial) : (bytes) => bytes.includes('keepJobs');
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
  await trial.drained(60_000);
  stopped = true;
  Object.assign(figures, await trial.figures(), { lostTurns });
  trial.judge(figures);
  trial.check(dropped === calls, `${dropped} of ${calls} replies to enqueues were lost`);
  trial.check(figures.storedJobs === calls + 1, `${figures.storedJobs} jobs stored by ${calls + 1} calls`);
  trial.check(lostTurns > 5, `only ${lostTurns} replies to settlements were lost`);
  return figures;
}

async function settlingTurn(trial) {
  const { loadScripts } = await import(`${trial.dist}/redis/script-library.js`);
  const { sha } = loadScripts()['settle-and-reserve'];
  return (bytes) => bytes.includes(sha) && /\r\n\$1\r\n[CK]\r\n/.test(bytes);
}
