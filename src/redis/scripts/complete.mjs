// The Lua scripts of this folder, complete: a line `-- include name` is replaced by name.lua, a part in lib/ or turn/, which
// includes what it needs itself; where a part was included before, by nothing. A line `-- without name` says that a script never comes
// to a part: it has not the keys of that feature, and other parts call it only where the queue has the feature. A function that nothing in the script calls is left
// out: Redis makes every function of a script anew at each call. `RULES.name` is replaced by that number of core/rules.ts.
import { readdirSync, readFileSync } from 'node:fs';

const SOURCE = new URL('./', import.meta.url);
const RULES = new Map(
  [...readFileSync(new URL('../../core/rules.ts', SOURCE), 'utf8').matchAll(/^ {2}(\w+): ([\d_]+),$/gm)].map(
    ([, name, digits]) => [name, digits.replaceAll('_', '')],
  ),
);
/** A function of the script itself, from the comment in front of it to its end. */
const FUNCTION = /(?:^--.*\n)*^local function (\w+)\(.*(?<! end)\n(?:.*\n)*?^end\n\n?/gm;

/** @returns {string[]} names of all scripts, sorted */
export function scriptNames(folder = SOURCE) {
  return readdirSync(folder, { encoding: 'utf8' })
    .filter((name) => name.endsWith('.lua'))
    .map((name) => name.slice(0, -'.lua'.length))
    .sort((one, other) => (one < other ? -1 : 1));
}

/** @returns {string} */
export function scriptText(name, folder = SOURCE) {
  return withRules(withoutUncalled(withParts(name, folder, new Set())));
}

/** @returns {Record<string, string>} the text of every script by its name */
export function scriptTexts(folder = SOURCE) {
  return Object.fromEntries(scriptNames(folder).map((name) => [name, scriptText(name, folder)]));
}

function withParts(name, folder, included) {
  const text = readFileSync(new URL(`${name}.lua`, folder), 'utf8');
  return text.replaceAll(/^ *-- (include|without) (\S+)\n/gm, (_, verb, part) => {
    if (included.has(part)) return '';
    included.add(part);
    return verb === 'without' ? '' : withParts(part, folder, included);
  });
}

function withRules(text) {
  return text.replaceAll(/\bRULES\.(\w+)/g, (_, name) => {
    const digits = RULES.get(name);
    if (digits === undefined) throw new Error(`core/rules.ts has no number ${name}`);
    return digits;
  });
}

function withoutUncalled(text) {
  const counts = new Map();
  for (const [word] of text.replaceAll(/--.*/g, '').matchAll(/\w+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const left = text.replaceAll(FUNCTION, (whole, name) => (counts.get(name) > 1 ? whole : ''));
  return left === text ? text : withoutUncalled(left);
}
