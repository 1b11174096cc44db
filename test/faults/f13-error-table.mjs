// A server that answers a request with an error: each code is handled as the table says, and nothing stops for good.
import { connect, createServer } from 'node:net';

export const id = 'F13';
export const name = 'error-table';

const PASSING = [
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'BUSY',
  'NOREPLICAS',
  'NOSCRIPT',
  'UNBLOCKED',
];
const REFUSING = {
  OOM: 'TASK_QUEUE_STORE_FULL',
  MISCONF: 'TASK_QUEUE_BROKER_REFUSED',
  NOAUTH: 'TASK_QUEUE_BROKER_REFUSED',
  NOPERM: 'TASK_QUEUE_BROKER_REFUSED',
  WRONGTYPE: 'TASK_QUEUE_BROKER_REFUSED',
  CROSSSLOT: 'TASK_QUEUE_BROKER_REFUSED',
};

export async function run(trial) {
  const each = trial.full ? 100 : 10;
  await trial.redis();
  const liar = await startLiar(trial.server.port);
  const producer = await trial.producer({ connection: liar.url });
  await trial.worker({ connection: liar.url, concurrency: 2 });
  await trial.fill(producer, 1);
  await trial.drained();
  let told = 0;
  for (const code of PASSING) {
    for (let index = 0; index < each; index++) {
      // The next script of anybody, worker or producer, is answered so.
      liar.answer(`-${code} told by the test\r\n`);
      const n = await trial.add(producer, { ms: 1 });
      trial.check(
        trial.calls.get(n) === 'stored',
        `${code}: the enqueue was ${trial.calls.get(n)}: ${trial.lastError?.message}`,
      );
      await trial.until('the answer was given', () => !liar.armed());
      told++;
    }
  }
  for (const [code, expected] of Object.entries(REFUSING)) {
    // Only enqueues are refused here: the worker has nothing to say meanwhile.
    await trial.drained();
    for (let index = 0; index < each; index++) {
      liar.answer(`-${code} told by the test\r\n`, (bytes) => bytes.includes('"n":'));
      trial.lastError = undefined;
      await trial.add(producer, { ms: 1 });
      trial.check(trial.lastError?.code === expected, `${code}: ${trial.lastError?.code ?? 'no error'}`);
      trial.check(trial.lastError?.remedy?.length > 20, `${code}: the error names no remedy`);
      told++;
    }
  }
  // The worker meets the refusals, too, and goes on.
  for (const code of [...Object.keys(REFUSING), 'ERR']) {
    liar.answer(`-${code} told by the test\r\n`, (bytes) => /\r\n\$1\r\n[CK]\r\n/.test(bytes));
    await trial.fill(await direct(trial), 3, () => ({ ms: 1 }));
    await trial.until('the answer was given', () => !liar.armed());
    told++;
  }
  for (const garbage of ['\0\0garbage\r\n', '$-7\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
    liar.answer(garbage);
    await trial.add(producer, { ms: 1 });
    await trial.until('the answer was given', () => !liar.armed());
    told++;
  }
  trial.faultEnded();
  await trial.add(producer, { ms: 1 });
  await trial.drained();
  const figures = await trial.figures();
  Object.assign(figures, { told, longestCallMs: trial.longestCallMs });
  trial.judge(figures, { recoveryMs: 5000 });
  trial.check(trial.longestCallMs <= 6000 * trial.patience, `a call took ${trial.longestCallMs} ms`);
  liar.stop();
  return figures;
}

async function direct(trial) {
  trial.straight ??= await trial.producer();
  return trial.straight;
}

/** Passes everything on, except the one request that it answers itself. */
async function startLiar(port) {
  let reply;
  let matches;
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      if (reply !== undefined && /evalsha/i.test(text) && matches(text)) {
        const commands = text.match(/\*\d+\r\n\$\d+\r\n(evalsha|eval)\r\n/gi)?.length ?? 1;
        if (commands === 1) {
          const answer = reply;
          reply = undefined;
          return void client.write(answer);
        }
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => client.write(bytes));
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ]) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${server.address().port}`,
    armed: () => reply !== undefined,
    answer(text, test = () => true) {
      reply = text;
      matches = test;
    },
    stop: () => server.close(),
  };
}
