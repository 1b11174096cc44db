import { startRedisServer } from './redis-process.mjs';

/** One server for all spec files of a run. Set TEST_REDIS_URL to use one of your own. */
export default async function setup() {
  if (process.env.TEST_REDIS_URL) return;
  const server = await startRedisServer();
  globalThis.__sharedRedis = server;
  process.env.TEST_REDIS_URL = server.url;
}
