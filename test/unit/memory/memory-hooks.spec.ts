import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../../src/memory/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const parts = readdirSync(new URL('../redis/scripts/lib/', folder));

/** Calls by which a job moves, and the only file that makes them. */
const MOVES: [hook: string, move: string, call: RegExp][] = [
  ['admit', 'looks whether a user id is taken', /queue\.userIds\.get\(userId\b/],
  ['place', 'makes a job ready', /lanes\.place\(/],
  ['place', 'makes a job ready at its due time', /queue\.scheduled\.add\(/],
  ['take', 'leases a job to a worker', /\bactive\.set\(/],
  ['leave', 'ends a lease', /\bactive\.delete\(/],
  ['end-job', 'ends a job', /\border\.add\(/],
  ['end-job', 'deletes a job', /\bjobs\.delete\(/],
];

describe('a job moves in one file alone', () => {
  it.each(MOVES)('%s.ts %s', (hook, _move, call) => {
    expect(files.filter((file) => call.test(readFileSync(new URL(file, folder), 'utf8')))).toEqual([`${hook}.ts`]);
  });

  it('is named as the part of the scripts that does the same', () => {
    expect(MOVES.filter(([hook]) => !parts.includes(`${hook}.lua`))).toEqual([]);
  });
});
