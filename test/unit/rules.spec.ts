import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RULES } from '../../src/core/rules.js';
import { scriptText, scriptTexts } from '../../src/redis/scripts/complete.mjs';

const SCRIPTS = 'src/redis/scripts';
/** Below this, a number of the list may stand in a script for something else: seconds to ms, a step of a search. */
const UNMISTAKABLE = 1001;

const filesOf = (folder: string, extension: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
const scripts = filesOf(SCRIPTS, '.lua');
const sources = [...scripts, ...filesOf('src', '.ts').filter(({ name }) => name !== 'core/rules.ts')];
const usersOf = (name: string) => sources.filter(({ text }) => new RegExp(`\\bRULES\\.${name}\\b`).test(text));

/** What a script says that consists of this text. */
function expand(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'task-queue-scripts-'));
  try {
    writeFileSync(join(folder, 'a.lua'), text);
    return scriptText('a', pathToFileURL(`${folder}/`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('numbers that scripts, the memory store and the package share', () => {
  it.each(Object.entries(RULES))('%s has the same value in a script as in TypeScript', (name, value) => {
    expect(expand(`return RULES.${name} + 1\n`)).toBe(`return ${value} + 1\n`);
  });

  it.each(Object.keys(RULES))('%s is used by two files at least, or it belongs into the one that uses it', (name) => {
    expect(usersOf(name).length).toBeGreaterThan(1);
  });

  it('a script that names a number which is not in the list is refused', () => {
    expect(() => expand('return RULES.nothing\n')).toThrow('core/rules.ts has no number nothing');
  });

  it('no complete script has a name left in the place of a number', () => {
    const left = Object.entries(scriptTexts()).filter(([, text]) => text.includes('RULES'));
    expect(left.map(([name]) => name)).toEqual([]);
  });

  it('no script or part has one of these numbers as a literal of its own', () => {
    const values = Object.values(RULES).filter((value) => value >= UNMISTAKABLE);
    const literals = new RegExp(`\\b(?:${values.join('|')})\\b`);
    const found = scripts.flatMap(({ name, text }) =>
      text
        .split('\n')
        .filter((line) => literals.test(line.replace(/--.*/, '')))
        .map((line) => `${name}: ${line.trim()}`),
    );
    expect(values).not.toEqual([]);
    expect(found).toEqual([]);
  });
});
