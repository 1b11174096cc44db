import { Logger } from '@nestjs/common';
import type { Store } from '../core/ports/store.js';
import { guardLogger } from '../discovery/guarded-logger.js';
import { MemoryStore } from '../memory/memory-store.js';
import { RedisStore } from '../redis/redis-store.js';
import { usesMemory } from '../options/connection-reader.js';
import { DEFAULTS } from '../options/defaults.js';
import type { ResolvedOptions } from '../options/options.js';

/**
 * The store of the app's connection, connected and found fit: providers that depend on it may enqueue at once.
 * @param works whether handlers are to run in this process
 * @throws BrokerUnavailableError, IncompatibleStoreError
 */
export async function openStore(options: ResolvedOptions, works: boolean): Promise<Store> {
  const logger = guardLogger(new Logger('TaskQueueModule'));
  const store = createStore(options, works, logger);
  const facts = await store.connection.open();
  logger.log(facts.summary);
  for (const warning of facts.warnings) logger.warn(warning);
  return store;
}

function createStore(options: ResolvedOptions, works: boolean, logger: ReturnType<typeof guardLogger>): Store {
  const { connection } = options;
  if (usesMemory(connection)) {
    const name = connection.slice('memory://'.length);
    return new MemoryStore(name === '' ? {} : { name });
  }
  return new RedisStore({
    connection,
    prefix: options.prefix,
    commandTimeoutMs: options.commandTimeoutMs,
    connectTimeoutMs: options.connectTimeoutMs,
    waitForRedis: options.waitForRedis,
    allowEviction: options.allowEviction,
    maxCrashes: DEFAULTS.maxCrashes,
    logLines: DEFAULTS.logs.lines,
    works,
    boots: true,
    onConnection: (event, place) => {
      if (event === 'restored') logger.log(`Redis answers again (${place})`);
      else if (event === 'lost')
        logger.error(`The connection to Redis was lost (${place}); connecting again until it works`);
      else if (event === 'refused') logger.error(`Redis refuses calls (${place}); trying again until it works`);
      else if (event === 'deaf')
        logger.error(`Redis refuses to be listened to (${place}): jobs start late, results and events are not heard`);
      else if (event === 'replica')
        logger.warn(
          `The address of Redis leads to a read-only replica, too (${place}); connecting again until it does not`,
        );
      else logger.warn(`Redis is not reachable yet (${place}); trying again`);
    },
  });
}
