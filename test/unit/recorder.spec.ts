import { describe, expect, it } from '@jest/globals';
import type { RunBatch } from '../../src/core/ports/statistics.js';
import type { Store } from '../../src/core/ports/store.js';
import { RunTally } from '../../src/core/run-tally.js';
import { Recorder } from '../../src/inspector/recorder.js';

function recorder() {
  const sent: [queue: string, batch: RunBatch][] = [];
  const state = { isAway: false };
  const tallies = new Map([
    ['mail', new RunTally()],
    ['images', new RunTally()],
  ]);
  const store = {
    connection: { now: () => 1000 },
    statistics: {
      async record(queue: string, batch: RunBatch) {
        sent.push([queue, batch]);
        if (state.isAway) throw new Error('away');
      },
    },
  } as unknown as Store;
  const made = new Recorder({
    ...{ store, id: 'p1', version: 'v1', logger: { log() {}, warn() {}, error() {} } },
    tallies: () => tallies,
  });
  const told = () => sent.map(([queue, { sequence, rows }]) => [queue, sequence, rows.map(({ counts: [n] }) => n)]);
  return { recorder: made, sent, state, told, mail: tallies.get('mail') as RunTally };
}

describe('The recorder', () => {
  it('calls for queues where something ended, and for no other', async () => {
    const { recorder: made, sent, mail } = recorder();
    await made.record();
    expect(sent).toEqual([]);
    mail.ended('send', 'completed', 1, 1);
    await made.record();
    expect(sent.map(([queue, batch]) => [queue, batch.process, batch.version, batch.sequence])).toEqual([
      ['mail', 'p1', 'v1', 1],
    ]);
    await made.record();
    expect(sent).toHaveLength(1);
  });

  it('repeats a batch as it was until it is answered, and then sends what came since', async () => {
    const { recorder: made, state, told, mail } = recorder();
    state.isAway = true;
    mail.ended('send', 'completed', 1, 1);
    await expect(made.record()).rejects.toThrow('away');
    mail.ended('send', 'completed', 1, 1);
    mail.ended('send', 'completed', 1, 1);
    await expect(made.record()).rejects.toThrow('away');
    state.isAway = false;
    await made.record();
    expect(told()).toEqual([
      ['mail', 1, [1, 1]],
      ['mail', 1, [1, 1]],
      ['mail', 1, [1, 1]],
      ['mail', 2, [2, 2]],
    ]);
  });

  it('divides what has many names into calls of bounded size', async () => {
    const { recorder: made, sent, mail } = recorder();
    for (let index = 0; index < 45; index++) mail.ended(`n${index}`, 'completed', 1, 1);
    await made.record();
    expect(sent.map(([, { sequence, rows }]) => [sequence, rows.length])).toEqual([
      [1, 20],
      [2, 20],
      [3, 6],
    ]);
  });

  it('records what is left as it stops, unless the store was away', async () => {
    const { recorder: made, sent, state, mail } = recorder();
    made.start();
    mail.ended('send', 'completed', 1, 1);
    await made.stop();
    expect(sent).toHaveLength(1);
    const second = recorder();
    second.recorder.start();
    second.state.isAway = true;
    second.mail.ended('send', 'completed', 1, 1);
    await second.recorder.record().catch(() => {});
    await second.recorder.stop();
    expect(second.sent).toHaveLength(1);
    expect(state.isAway).toBe(false);
  });
});
