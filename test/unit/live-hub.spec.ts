import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { LineStream } from '../../src/dashboard/live/line-stream.js';
import { LiveHub } from '../../src/dashboard/live/live-hub.js';

/** An answer that keeps what is written to it. */
class FakeResponse extends EventEmitter {
  lines: { kind: string }[] = [];
  writableNeedDrain = false;
  writableLength = 0;
  destroyed = false;
  socket = null;
  closed = false;

  write(text: string): void {
    this.lines.push(JSON.parse(text) as { kind: string });
    this.emit('written');
  }

  end(text: string): void {
    this.write(text);
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const open = (): { response: FakeResponse; stream: LineStream } => {
  const response = new FakeResponse();
  return { response, stream: new LineStream(response as unknown as ServerResponse) };
};

const snapshotOf = (queue: string) => Promise.resolve({ queue, paused: false, counts: {} as never });
const closeOf = (response: FakeResponse) => new Promise((resolve) => response.once('close', resolve));

describe('LiveHub', () => {
  it('closes a client that does not read, and shows others what it does not', async () => {
    let looks = 0;
    const hub = new LiveHub({ snapshotOf: (queue) => (looks++, snapshotOf(queue)), now: () => 0 }, 1);
    const [slow, quick] = [open(), open()];
    slow.response.writableNeedDrain = true;
    hub.add(new Set(['mail']), slow.stream);
    hub.add(new Set(['mail']), quick.stream);
    await closeOf(slow.response);
    expect(slow.response.lines).toEqual([]);
    expect(quick.response.lines).toMatchObject([{ kind: 'snapshot' }]);
    expect(hub.viewerCount).toBe(1);
    quick.stream.destroy();
    const before = looks;
    await new Promise(setImmediate);
    expect([hub.viewerCount, looks - before]).toEqual([0, 0]);
  });

  it('closes a client that keeps a megabyte waiting', () => {
    const { response, stream } = open();
    response.writableLength = 2 * 1024 * 1024;
    stream.write({ kind: 'beat', at: 0 });
    expect(response.destroyed).toBe(true);
  });

  it('tells that the store is away, and back', async () => {
    let away = true;
    const hub = new LiveHub(
      { snapshotOf: (queue) => (away ? Promise.reject(new Error('away')) : snapshotOf(queue)), now: () => 0 },
      1,
    );
    const { response, stream } = open();
    hub.add(new Set(['mail']), stream);
    await new Promise((resolve) => response.once('written', resolve));
    away = false;
    await new Promise((resolve) => response.once('written', resolve));
    stream.destroy();
    expect(response.lines.slice(0, 2)).toMatchObject([
      { kind: 'store', away: true },
      { kind: 'store', away: false },
    ]);
  });
});
