import { describe, expect, it } from '@jest/globals';
import type { DeclarationAnswer, QueueLimits } from '../../src/core/limits.js';
import { LimitDeclarer } from '../../src/duties/limit-declarer.js';
import { RecordingLogger } from '../support/recording-logger.js';

describe('LimitDeclarer', () => {
  const LIMITS: QueueLimits = { running: 1 };
  let logger: RecordingLogger;

  /** Declares once for each answer; answers the delays. */
  async function delaysOf(declared: QueueLimits | undefined, ...answers: DeclarationAnswer[]): Promise<number[]> {
    logger = new RecordingLogger();
    const left = [...answers];
    const limits = { declare: async () => left.shift() as DeclarationAnswer };
    const declarer = new LimitDeclarer(limits as never, 'mail', declared, logger);
    const delays: number[] = [];
    for (const _ of answers) delays.push(await declarer.declare());
    return delays;
  }

  it('declares what there is three times in the minute for which it is believed', async () => {
    expect(await delaysOf(LIMITS, 'changed', 'same')).toEqual([20_000, 20_000]);
  });

  it('looks now and then where there is nothing, and as often as others once something was', async () => {
    expect(await delaysOf(undefined, 'same', 'changed', 'same')).toEqual([300_000, 20_000, 20_000]);
  });

  it('warns once, each time that a newer deployment has limits of its own', async () => {
    await delaysOf(LIMITS, 'outdated', 'outdated', 'same', 'outdated');
    expect(logger.lines).toHaveLength(2);
    expect(logger.lines[0]).toMatch(/^warn: .*those of a newer deployment/);
  });
});
