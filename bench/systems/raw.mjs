// The floor under every queue: a list of JSON texts, taken off for good. No state, no retry, a crash loses what it held.
//   raw       one LPUSH a job; as many connections as the concurrency, each in a BRPOP loop
//   raw:pipe  many jobs in one LPUSH; one connection that pops up to 100 at a time
import { Redis } from 'ioredis';

const BLOCK_SECONDS = 5;
const POP_COUNT = 100;

// The batched one runs all it popped at once, whatever the concurrency: it has no split to be compared.
export const cannot = (variant) => [
  ...['delayed', 'retry', 'unique', 'groups'],
  ...(variant === 'pipe' ? ['split'] : []),
];

export async function openProducer({ host, port, variant, queues, autoPipelining }) {
  const redis = new Redis({ host, port, enableAutoPipelining: autoPipelining === true });
  return {
    add: (payload, _extra, queue = queues[0]) => redis.lpush(queue, JSON.stringify(payload)),
    addMany(payloads, _extra, queue = queues[0]) {
      const texts = payloads.map((payload) => JSON.stringify(payload));
      if (variant === 'pipe') return redis.lpush(queue, ...texts);
      const pipeline = redis.pipeline();
      for (const text of texts) pipeline.lpush(queue, text);
      return pipeline.exec();
    },
    async pending() {
      const lengths = await Promise.all(queues.map((queue) => redis.llen(queue)));
      return lengths.reduce((sum, length) => sum + length, 0);
    },
    async close() {
      redis.disconnect();
    },
  };
}

export async function openWorker({ host, port, variant, queues, concurrency, handle }) {
  const connections = [];
  let open = true;
  const connect = () => {
    const redis = new Redis({ host, port });
    redis.on('error', () => {});
    connections.push(redis);
    return redis;
  };
  const one = async (redis, queue) => {
    const popped = await redis.brpop(queue, BLOCK_SECONDS);
    if (popped) await handle(JSON.parse(popped[1]));
  };
  const popOne = async (queue) => {
    const redis = connect();
    while (open) await one(redis, queue);
  };
  const popMany = async (queue) => {
    const redis = connect();
    while (open) {
      const texts = await redis.rpop(queue, POP_COUNT);
      if (texts) await Promise.all(texts.map((text) => handle(JSON.parse(text))));
      else await one(redis, queue);
    }
  };
  for (const queue of queues) {
    const loops = variant === 'pipe' ? [popMany(queue)] : Array.from({ length: concurrency }, () => popOne(queue));
    for (const loop of loops) loop.catch(() => {}); // the disconnect below ends it
  }
  return {
    async close() {
      open = false;
      for (const redis of connections) redis.disconnect();
    },
  };
}
