import { describe, expect, it } from '@jest/globals';
import { BrokerRefusedError } from '../../src/core/errors/store-errors.js';
import { Mender } from '../../src/redis/mender.js';

const REFUSAL = new BrokerRefusedError('NOPERM', 'Permit it.', { cause: new Error('NOPERM … script: 1') });
const turnOf = (worker: string) => ({ worker, settlements: [{ id: '1', token: `${worker}:1` }] });

/** A mender, and what it ran: of each repair its script and the worker or caller. */
function menderThat(run: (what: string) => Promise<void>) {
  const ran: string[] = [];
  const mender = new Mender(3, async (script, args) => {
    const what = `${script} ${script === 'mend' ? args[1] : args[0]}`;
    ran.push(what);
    await run(what);
  });
  return { mender, ran };
}

describe('Mender', () => {
  it('repairs each call that stopped once, also where several ask for it at the same time', async () => {
    let isDown = true;
    const { mender, ran } = menderThat(async () => {
      if (isDown) throw REFUSAL;
    });
    for (const worker of ['a', 'b', 'c']) await mender.after(REFUSAL, turnOf(worker));
    isDown = false;
    ran.length = 0;
    await Promise.all([mender.mend(), mender.mend(), mender.before('c')]);
    expect(ran.sort()).toEqual(['mend a', 'mend b', 'mend c']);
    expect(mender.isDue).toBe(false);
  });

  it('holds up the turns of the worker whose own turn stopped while that cannot be repaired, and no other call', async () => {
    const { mender } = menderThat(() => Promise.reject(REFUSAL));
    await mender.after(REFUSAL, turnOf('a'));
    await expect(mender.before('a')).rejects.toBe(REFUSAL);
    await expect(mender.before('b')).resolves.toBeUndefined();
    await expect(mender.before()).resolves.toBeUndefined();
    expect(mender.isDue).toBe(true);
  });

  it('repairs one where another is refused', async () => {
    const { mender, ran } = menderThat(async (what) => {
      if (what === 'withdraw lane') throw REFUSAL;
    });
    await mender.after(REFUSAL, { caller: 'lane', ids: ['7'] });
    await mender.after(REFUSAL, turnOf('a'));
    await expect(mender.mend()).rejects.toBe(REFUSAL);
    expect(ran.filter((what) => what === 'mend a')).toHaveLength(1);
    await expect(mender.before('a')).resolves.toBeUndefined();
  });

  it('remembers no more than a bounded number of calls', async () => {
    let isDown = true;
    const { mender, ran } = menderThat(async () => {
      if (isDown) throw REFUSAL;
    });
    for (let call = 0; call < 1000; call++) await mender.after(REFUSAL, { caller: `lane-${call}`, ids: ['7'] });
    isDown = false;
    ran.length = 0;
    await mender.mend();
    expect(ran).toHaveLength(100);
  });

  it('has nothing to do for a call that was refused before its script began', async () => {
    const { mender, ran } = menderThat(() => Promise.resolve());
    await mender.after(
      new BrokerRefusedError('NOPERM', 'Permit it.', { cause: new Error('NOPERM evalsha') }),
      turnOf('a'),
    );
    expect(ran).toEqual([]);
  });
});
