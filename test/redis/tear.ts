import { createHash } from 'node:crypto';
import type { ScriptLibrary } from '../../src/redis/wire/script-library.js';
import { scriptsAt } from '../support/clock-keys.js';
import type { RedisDriver } from './redis-driver.js';

/** Commands of the scripts that change something. */
const WRITES =
  'HSET HSETNX HDEL HINCRBY LPUSH RPUSH LPOP RPOP LREM LTRIM LSET SADD SREM SPOP ZADD ZREM ZPOPMIN ZREMRANGEBYRANK PUBLISH';

const libraries = new Map<string, ScriptLibrary>();

export const tearKeyOf = (clockKey: string) => clockKey.replace(/-clock$/, '-tear');

/**
 * The same scripts, one of which stops before its n-th write while a key says so. Redis keeps what was written, as it does where
 * a user lacks a command or a key has another type.
 */
export function tornScriptsAt(clockKey: string): ScriptLibrary {
  let scripts = libraries.get(clockKey);
  if (scripts === undefined) libraries.set(clockKey, (scripts = withTears(scriptsAt(clockKey), clockKey)));
  return scripts;
}

function withTears(scripts: ScriptLibrary, clockKey: string): ScriptLibrary {
  const torn: Record<string, ScriptLibrary[string]> = {};
  const writes = WRITES.split(' ')
    .map((name) => `${name}=1`)
    .join(',');
  for (const script of Object.values(scripts)) {
    const prelude = `local redis = (function(real)
  local name, most = string.match(real.call('GET', '${tearKeyOf(clockKey)}') or '', '^(%S+) (%d+)$')
  if name ~= '${script.name}' then return real end
  local writes, done = { ${writes} }, 0
  local function count(command)
    if not writes[command] then return end
    done = done + 1
    if done > tonumber(most) then error('torn before ' .. command) end
  end
  return { error_reply = real.error_reply,
    call = function(command, ...) count(command) return real.call(command, ...) end,
    pcall = function(command, ...) count(command) return real.pcall(command, ...) end }
end)(redis) `;
    const [first, ...rest] = script.text.split('\n');
    const text = [first, prelude.replaceAll('\n', ' ') + rest.join('\n')].join('\n');
    torn[script.name] = { ...script, text, sha: createHash('sha1').update(text).digest('hex') };
  }
  return torn;
}

/** Calls with the script stopped before its write number `writes + 1`; answers whether it was. */
export async function callTorn(
  driver: RedisDriver,
  name: string,
  writes: number,
  call: () => Promise<unknown>,
): Promise<boolean> {
  const key = tearKeyOf(driver.clockKey);
  await driver.client.set(key, `${name} ${writes}`);
  try {
    await call();
    return false;
  } catch (error) {
    if (!/torn before/.test(String((error as Error).cause ?? error))) throw error;
    return true;
  } finally {
    await driver.client.del(key);
  }
}
