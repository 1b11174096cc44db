import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../src/redis/scripts/', import.meta.url);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.lua'));
const codeOf = (file: string) => readFileSync(new URL(file, folder), 'utf8').replaceAll(/--.*/g, '');

/** Commands by which a job moves, and the only part that gives them. */
const MOVES: [part: string, move: string, commands: string, keys: string][] = [
  ['place', 'makes a job ready', 'LPUSH|RPUSH', 'ready|suspects'],
  ['place', 'makes a job ready by its priority', 'ZADD', 'priority'],
  ['enter-lanes', 'makes a job of a group ready', 'ZADD', 'grouped'],
  ['lane-moves', 'counts a job of a group as running', 'ZADD', 'flying'],
  ['take', 'leases a job to a worker', 'HSET', 'inflight'],
  ['leave', 'ends a lease', 'HDEL', 'inflight'],
  ['end-job', 'ends a job as completed', 'LPUSH|RPUSH', 'completed'],
  ['end-job', 'ends a job as cancelled or dead', 'ZADD', 'cancelled|dead'],
];

describe('a job moves in one part alone', () => {
  it.each(MOVES)('lib/%s.lua %s', (part, _move, commands, keys) => {
    const pattern = new RegExp(`'(?:${commands})',\\s*(?:q\\.)?(?:${keys})\\b`);
    expect(files.filter((file) => pattern.test(codeOf(file)))).toEqual([`lib/${part}.lua`]);
  });

  it('names its key in each of these commands, where this can be seen', () => {
    // Commands whose key is in a variable: claims are of several kinds, each in a HASH of its own.
    const hidden = /'(?:[LR]PUSH|ZADD|HSET|HDEL)',(?!\s*q\.)/;
    expect(files.filter((file) => hidden.test(codeOf(file))).sort()).toEqual([
      'announce-process.lua',
      'change-alerts.lua',
      'lib/admit.lua',
      'look-alerts.lua',
    ]);
  });
});

describe('a part', () => {
  it('stands in a script once, and where it is included it is not inside of a function', () => {
    for (const file of files) {
      const text = readFileSync(new URL(file, folder), 'utf8');
      expect([file, text.match(/^ +-- include .*/m)]).toEqual([file, null]);
    }
  });
});
