// This package for harnesses with the older adapter shape: open / startWorker around one queue. Variants '' and 'p0'.
import * as system from './systems/task-queue.mjs';

export const name = 'task-queue';
export const skip = ['flow'];

/** Such a harness tells its processes by JSON in their first argument what they are for. */
function plan() {
  try {
    return JSON.parse(process.argv[2]);
  } catch {
    return {};
  }
}

function siteOf({ host, port, queue, variant, opts }) {
  const { scenario, mode } = plan();
  // What a kept job weighs can only be seen where all are kept; everywhere else the defaults decide.
  const keepAll = scenario === 'memory' || mode === 'result';
  return { host, port, variant, queues: [queue], keepAll, autoPipelining: opts?.autoPipelining === true };
}

export async function open(options) {
  const producer = await system.openProducer(siteOf(options));
  const extraOf = (x) => x && { dueAt: x.at, attempts: x.attempts };
  return {
    enqueueOne: (data, x) => producer.add(data, extraOf(x)),
    enqueueMany: (datas, x) => producer.addMany(datas, extraOf(x)),
    unfinished: () => producer.pending(),
    close: () => producer.close(),
  };
}

export function startWorker(options) {
  return system.openWorker({ ...siteOf(options), concurrency: options.concurrency, handle: options.handler });
}
