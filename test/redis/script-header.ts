import { createHash } from 'node:crypto';
import type { Script, ScriptLibrary } from '../../src/redis/wire/script-library.js';

export interface HeaderKey {
  name: string;
  type: 'HASH' | 'LIST' | 'SET' | 'ZSET';
}

export interface ScriptHeader {
  flags: string;
  comment: string;
  keys: HeaderKey[];
  /** Keys that every call passes: all, unless the header says `plain: 1–n`. */
  least: number;
  body: string;
}

/** Takes a script apart: its first line, the comment that is its contract, and the code. */
export function headerOf({ text }: Script): ScriptHeader {
  const lines = text.split('\n');
  const end = lines.findIndex((line, index) => index > 0 && !line.startsWith('--'));
  const comment = lines.slice(1, end).join('\n');
  const section = /-- KEYS([\s\S]*?)-- ARGV/.exec(comment)?.[1] ?? '';
  const isOfAll = section.includes('all of the queue');
  const keys = keysOf(isOfAll ? text : section);
  const [, inbox] = /then the (\w+) LIST/.exec(section) ?? [];
  if (inbox !== undefined) keys.push({ name: inbox, type: 'LIST' });
  const least = Number(/\(plain: 1–(\d+)\)/.exec(section)?.[1] ?? keys.length);
  return { flags: lines[0], comment, keys, least, body: lines.slice(end).join('\n') };
}

/** Keys that are numbered in order. */
function keysOf(text: string): HeaderKey[] {
  const keys: HeaderKey[] = [];
  for (const [, number, name, type] of text.matchAll(/(\d+) (\w+) (HASH|LIST|SET|ZSET)/g)) {
    if (Number(number) !== keys.length + 1) throw new Error(`KEYS are not numbered in order: ${number} ${name}`);
    keys.push({ name, type: type as HeaderKey['type'] });
  }
  return keys;
}

/**
 * The same scripts, which fail as soon as they touch a key that was not declared, or one with a command of another type
 * than its header says. `redis` cannot be changed inside of Redis, but it can be covered by a local of that name.
 */
export function withKeyCheck(scripts: ScriptLibrary, clockKey: string): ScriptLibrary {
  const checked: Record<string, Script> = {};
  for (const script of Object.values(scripts)) {
    const { keys, least } = headerOf(script);
    const names = keys.map(({ name }) => `'${name}'`).join(', ');
    const types = keys.map(({ type }) => `'${type}'`).join(', ');
    const guard = `local redis = (function(real)
  local names, types, typeOf = { ${names} }, { ${types} }, {}
  if #KEYS ~= #names and #KEYS ~= ${least} then error('header declares ' .. #names .. ' keys, ' .. #KEYS .. ' came') end
  for i = 1, #KEYS do
    if names[i] ~= 'inbox' and string.match(KEYS[i], '([^:]+)$') ~= names[i] then error('key ' .. i .. ' is ' .. KEYS[i]) end
    typeOf[KEYS[i]] = types[i]
  end
  local function check(command, key)
    if key == '${clockKey}' then return end
    if not typeOf[key] then error('undeclared key ' .. tostring(key) .. ' in ' .. command) end
    local letter = string.sub(command, 1, 1)
    local type = letter == 'H' and 'HASH' or letter == 'Z' and 'ZSET' or letter == 'S' and 'SET' or 'LIST'
    if command ~= 'EXISTS' and command ~= 'PEXPIRE' and type ~= typeOf[key] then error(command .. ' of ' .. key .. ', a ' .. typeOf[key]) end
  end
  return { pcall = real.pcall, error_reply = real.error_reply, call = function(command, ...)
    local arguments = { ... }
    if command == 'EXISTS' then for i = 1, #arguments do check(command, arguments[i]) end
    elseif command ~= 'TIME' and command ~= 'PUBLISH' then check(command, arguments[1]) end
    return real.call(command, ...)
  end }
end)(redis) `;
    const [first, ...rest] = script.text.split('\n');
    const text = [first, guard.replaceAll('\n', ' ') + rest.join('\n')].join('\n');
    checked[script.name] = { name: script.name, text, sha: createHash('sha1').update(text).digest('hex') };
  }
  return checked;
}
