import type { HeldJob } from '../core/broker.js';
import { BrokerRefusedError } from '../core/errors.js';
import type { QueueKeys } from './keys.js';

/** Stands for the token of a job that is to go. */
const WITHDRAWN = '-';

type Run = (keys: readonly string[], args: (string | number)[]) => Promise<unknown>;

/** Of a turn that stopped: what it was to settle goes back to its worker, whose next attempt settles it. */
export interface StoppedTurn {
  worker: string;
  settlements: readonly HeldJob[];
}

/** A command of a script was refused: its user lacks it, a key has another type. What it wrote before stays written. */
function stoppedInside(error: unknown): boolean {
  if (!(error instanceof BrokerRefusedError)) return false;
  return error.cause instanceof Error && /script/i.test(error.cause.message);
}

/** Puts one queue in order after a script that stopped in the middle, at once or before the next call. */
export class Mender {
  private readonly stopped: (StoppedTurn | undefined)[] = [];

  constructor(
    private readonly keys: QueueKeys,
    private readonly maxCrashes: number,
    private readonly run: Run,
  ) {}

  /** Something stopped, and nobody could put it in order yet: {@link mend} comes before any other call. */
  get isDue(): boolean {
    return this.stopped.length > 0;
  }

  /** Where this fails, the queue is put in order before the next call, or by the scan of any worker. */
  async after(refusal: unknown, turn?: StoppedTurn): Promise<void> {
    if (!stoppedInside(refusal)) return;
    this.stopped.push(turn);
    await this.mend().catch(() => {});
  }

  /** The jobs of an enqueue that stopped are taken back, where they have no place yet, and so is the record of its call. */
  withdraw(refusal: unknown, caller: string, ids: readonly string[]): Promise<void> {
    const settlements = [`@${caller}`, ...ids].map((id) => ({ id, token: WITHDRAWN }));
    return this.after(refusal, { worker: '', settlements });
  }

  /** @throws BrokerRefusedError while the server refuses this, too */
  async mend(): Promise<void> {
    if (this.stopped.length === 0) this.stopped.push(undefined);
    for (let turn = this.stopped[0]; this.stopped.length > 0; turn = this.stopped[0]) {
      await this.mendAfter(turn);
      this.stopped.splice(this.stopped.indexOf(turn), 1);
    }
  }

  private async mendAfter(turn: StoppedTurn | undefined): Promise<void> {
    const { keys: k } = this;
    const keys = [k.meta, k.jobs, k.ready, k.priority, k.scheduled, k.inflight, k.completed, k.cancelled, k.dead];
    keys.push(k.ids, k.levels, k.crashes, k.cancelling, k.notes, k.suspects, k.parked, k.bundles, k.workers, k.waiters);
    const pairs = (turn?.settlements ?? []).flatMap(({ id, token }) => [id, token]);
    await this.run(keys, [this.maxCrashes, turn?.worker ?? '', ...pairs]);
  }
}
