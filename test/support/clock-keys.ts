import { loadScripts, type ScriptLibrary } from '../../src/redis/wire/script-library.js';

/**
 * The key of a clock that a test moves stands in the text of every script. So a key is used again by the next test, with the scripts that
 * name it: else each test would make all of them, and its server would keep them.
 */
const free: string[] = [];
const libraries = new Map<string, ScriptLibrary>();
let made = 0;

export function takeClockKey(): string {
  return free.pop() ?? `t-${process.env.JEST_WORKER_ID ?? 0}-${made++}-clock`;
}

export function giveClockKeyBack(key: string): void {
  free.push(key);
}

/** The scripts that read the time there. */
export function scriptsAt(clockKey: string): ScriptLibrary {
  let scripts = libraries.get(clockKey);
  if (scripts === undefined) libraries.set(clockKey, (scripts = loadScripts(clockKey)));
  return scripts;
}
