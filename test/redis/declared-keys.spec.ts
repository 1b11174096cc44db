import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { ScriptLibrary } from '../../src/redis/wire/script-library.js';
import { scriptsAt } from '../support/clock-keys.js';
import { describeStore } from '../contract/store.contract.js';
import { redisKind } from '../support/stores.js';
import { RedisDriver } from './redis-driver.js';
import { withKeyCheck } from './script-header.js';

const libraries = new Map<string, ScriptLibrary>();

function checkedScriptsAt(clockKey: string): ScriptLibrary {
  let scripts = libraries.get(clockKey);
  if (scripts === undefined) libraries.set(clockKey, (scripts = withKeyCheck(scriptsAt(clockKey), clockKey)));
  return scripts;
}

// The whole contract once more, by scripts that fail at the first key that is undeclared or of another type.
describeStore({
  name: 'redis with checked keys',
  lacks: redisKind.lacks,
  openStore: async () => {
    const driver = await RedisDriver.open({
      scriptsOf: checkedScriptsAt,
    });
    return driver.fixture;
  },
});

describe('the key check itself', () => {
  it.each([
    ["redis.call('HGET', 'elsewhere', 'x')", 'undeclared key elsewhere'],
    ["redis.call('SADD', KEYS[1], 'x')", 'SADD of'],
  ])('fails a script that does %s', async (body, message) => {
    const client = new Redis(process.env.TEST_REDIS_URL ?? '');
    const text = `#!lua\n-- KEYS  1 meta HASH\n-- ARGV  none\nreturn ${body}`;
    const [script] = Object.values(withKeyCheck({ x: { name: 'x', text, sha: '' } }, 'clock'));
    await expect(client.eval(script.text, 1, '{p:q}:meta')).rejects.toThrow(message);
    client.disconnect();
  });
});
