import { afterEach, describe, expect, it } from '@jest/globals';
import { BrokerRefusedError, BrokerUnavailableError, StoreFullError } from '../../src/core/errors/store-errors.js';
import { ScriptedWorker, type OpenTurn } from '../support/scripted-worker.js';

const TOO_LARGE = new BrokerRefusedError('ERR', 'max request size exceeded.');
const OF_THE_SERVER =
  'READONLY LOADING BUSY NOREPLICAS MASTERDOWN CLUSTERDOWN TRYAGAIN MISCONF NOAUTH WRONGPASS NOPERM WRONGTYPE';

let scripted: ScriptedWorker;
afterEach(() => scripted.worker.close());

/** A worker that has run these jobs together; answers the turn that settles them. */
async function runTogether(...ids: string[]): Promise<OpenTurn> {
  scripted = new ScriptedWorker({ concurrency: 10 });
  const first = await scripted.nth(1);
  await first.answer({ jobs: ids.map((id, at) => scripted.job(id, scripted.fence(at))) });
  const before = scripted.turns.messages.length;
  await scripted.end(...ids);
  for (let count = before; ; count++) {
    const open = await scripted.nth(count);
    if (open.turn.settlements.length === ids.length) return open;
    await open.answer();
  }
}

const idsOf = ({ turn }: OpenTurn) => turn.settlements.map(({ op, id }) => `${op} ${id}`);
const next = async () => scripted.nth(scripted.turns.messages.length + 1);

describe('what the server says of itself', () => {
  it.each([
    ...OF_THE_SERVER.split(' ').map((word) => [word, new BrokerRefusedError(word, 'Not now.')] as const),
    ['OOM', new StoreFullError()] as const,
    ['a lost connection', new BrokerUnavailableError('The reply was lost')] as const,
  ])('is waited out, and divides nothing: %s', async (_word, error) => {
    const open = await runTogether('a', 'b');
    let again = next();
    open.fail(error);
    for (let times = 0; times < 3; times++) {
      expect((await again).turn).toEqual(open.turn);
      again = next();
      scripted.turns.messages.at(-1)?.fail(error);
    }
    await (await again).answer();
    expect(scripted.settlements.filter((text) => text.startsWith('bury'))).toEqual([]);
    await scripted.worker.drained();
  });
});

describe('a turn that is refused for what it carries', () => {
  it('is made without that under its number, then in halves; the one that is to blame fails with the word', async () => {
    const open = await runTogether('a', 'b', 'c');
    const refused = new Set(['b']);
    let answered: string[] = [];
    let at = scripted.turns.messages.indexOf(open);
    let emptyUnderNumber: number | undefined;
    // A server that refuses whatever holds the result of b.
    for (let current = open; ; current = await scripted.nth(++at + 1)) {
      const texts = idsOf(current);
      const isRefused = current.turn.settlements.some(({ op, id }) => op === 'complete' && refused.has(id));
      if (current.turn.settlements.length === 0) emptyUnderNumber ??= current.turn.call;
      if (isRefused) {
        current.fail(TOO_LARGE);
        continue;
      }
      answered = [...answered, ...texts];
      await current.answer();
      if (answered.some((text) => text.startsWith('bury'))) break;
    }
    expect(answered.sort()).toEqual(['bury b', 'complete a', 'complete c']);
    expect(emptyUnderNumber).toBe(open.turn.call);
    const buried = scripted.turns.messages.flatMap(({ turn }) => turn.settlements).find(({ op }) => op === 'bury');
    expect(JSON.parse((buried as { detail: string }).detail)).toMatchObject({
      reason: 'result',
      message: expect.stringContaining('max request size exceeded'),
    });
    await scripted.worker.drained();
    expect(scripted.logger.lines.join('\n')).toMatch(/"b" is dead \(result\)/);
  });

  it('is not divided while an empty turn is refused, too', async () => {
    const open = await runTogether('a', 'b');
    let again = next();
    open.fail(TOO_LARGE);
    expect(idsOf(await again)).toEqual([]);
    again = next();
    scripted.turns.messages.at(-1)?.fail(TOO_LARGE);
    expect((await again).turn).toEqual(open.turn);
    await (await again).answer();
    await scripted.worker.drained();
    expect(scripted.settlements.filter((text) => text.startsWith('bury'))).toEqual([]);
  });

  it('ends with an error in the log where even the reason is refused', async () => {
    let current = await runTogether('a');
    let at = scripted.turns.messages.indexOf(current);
    while (scripted.logger.lines.every((line) => !line.includes('is not stored'))) {
      if (current.turn.settlements.length === 0) await current.answer();
      else current.fail(TOO_LARGE);
      if (scripted.worker.isIdle) break;
      current = await scripted.nth(++at + 1);
    }
    expect(scripted.logger.lines.join('\n')).toMatch(/the end of job "a" is not stored/);
    expect(scripted.worker.isIdle).toBe(true);
  });
});

it('halves that still have to travel are something to tell, so a drain waits for them', async () => {
  const open = await runTogether('a', 'b');
  const { worker } = scripted;
  worker.stopReserving();
  const drained = worker.drained();
  const empty = next();
  open.fail(TOO_LARGE);
  await (await empty).answer(); // divided: one half travels, and the other waits
  let at = scripted.turns.messages.length;
  const half = await scripted.nth(at);
  expect(half.turn.settlements).toHaveLength(1);
  expect(worker.isIdle).toBe(false);
  for (let current = half; ; current = await scripted.nth(++at)) {
    await current.answer();
    if (worker.isIdle) break;
  }
  await drained;
});
