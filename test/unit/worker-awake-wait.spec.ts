import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AwakeWait } from '../../src/worker/awake-wait.js';

describe('AwakeWait', () => {
  let now: number;
  let next: (() => void)[];

  beforeEach(() => {
    now = 1000;
    next = [];
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    jest.spyOn(globalThis, 'setImmediate').mockImplementation(((look: () => void) => next.push(look)) as never);
  });

  afterEach(() => void jest.restoreAllMocks());

  /** One turn of the event loop. */
  function loop(): void {
    for (const look of next.splice(0)) look();
  }

  /** Whether a wait that begins now keeps the loop turning. */
  function begins(wait: AwakeWait): boolean {
    wait.begin();
    return next.length > 0;
  }

  function waitInVain(wait: AwakeWait): void {
    expect(begins(wait)).toBe(true);
    now += 1;
    loop();
    expect(next).toEqual([]);
  }

  it('keeps the loop turning until the answer comes', () => {
    const wait = new AwakeWait(2);
    wait.begin();
    for (let turn = 0; turn < 10; turn++) {
      now += 0.01;
      expect(next).toHaveLength(1);
      loop();
    }
    wait.end();
    loop();
    expect(next).toEqual([]);
  });

  it('goes on with the next wait, one look a turn', () => {
    const wait = new AwakeWait(2);
    wait.begin();
    for (let turn = 0; turn < 100; turn++) {
      now += 0.1;
      wait.end();
      wait.begin();
      loop();
      expect(next).toHaveLength(1);
    }
  });

  it('gives up soon, and leaves out ever more waits while they are in vain', () => {
    const wait = new AwakeWait(2);
    for (const leftOut of [1, 3, 7, 15, 31, 63, 127, 255, 255]) {
      waitInVain(wait);
      for (let count = 0; count < leftOut; count++) expect(begins(wait)).toBe(false);
    }
  });

  it('takes an answer as a new beginning', () => {
    const wait = new AwakeWait(2);
    waitInVain(wait);
    expect(begins(wait)).toBe(false);
    expect(begins(wait)).toBe(true);
    wait.end();
    loop();
    waitInVain(wait);
    expect(begins(wait)).toBe(false);
    expect(begins(wait)).toBe(true);
  });

  it('takes no late answer for one', () => {
    const wait = new AwakeWait(2);
    for (const leftOut of [1, 3, 7]) {
      waitInVain(wait);
      wait.end();
      for (let count = 0; count < leftOut; count++) expect(begins(wait)).toBe(false);
    }
  });

  it('gives up where the clock stands still', () => {
    const wait = new AwakeWait(2);
    wait.begin();
    for (let turn = 0; turn < 1000; turn++) loop();
    expect(next).toEqual([]);
  });

  it('counts the looks of each wait alone', () => {
    const wait = new AwakeWait(2);
    for (let count = 0; count < 3; count++) {
      wait.begin();
      for (let turn = 0; turn < 600; turn++) loop();
      expect(next).toHaveLength(1);
      wait.end();
    }
  });

  it.each([1, 1.5])('sleeps where it has %d cores', (cores) => {
    const wait = new AwakeWait(cores);
    for (let count = 0; count < 300; count++) expect(begins(wait)).toBe(false);
    wait.end();
    expect(next).toEqual([]);
  });
});
