// The Lua scripts of src/redis/scripts, complete: a line `-- include name` is replaced by name.lua, a part in lib/ or turn/;
// where a part was included before, by nothing.
import { readdirSync, readFileSync } from 'node:fs';

const SOURCE = new URL('../src/redis/scripts/', import.meta.url);

/** @returns {string[]} names of all scripts, sorted */
export function scriptNames(folder = SOURCE) {
  return readdirSync(folder, { encoding: 'utf8' })
    .filter((name) => name.endsWith('.lua'))
    .map((name) => name.slice(0, -'.lua'.length))
    .sort((one, other) => (one < other ? -1 : 1));
}

/** @returns {string} */
export function scriptText(name, folder = SOURCE, included = new Set()) {
  const text = readFileSync(new URL(`${name}.lua`, folder), 'utf8');
  return text.replaceAll(/^ *-- include (\S+)\n/gm, (_, part) => {
    if (included.has(part)) return '';
    included.add(part);
    return scriptText(part, folder, included);
  });
}
