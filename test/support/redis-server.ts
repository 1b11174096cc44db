export { freePort, startRedisServer } from './redis-process.mjs';
export type { RedisServer, RedisServerOptions } from './redis-process.mjs';
