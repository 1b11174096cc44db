import type { HeldJob } from '../core/ports/worker-store.js';
import { BrokerRefusedError } from '../core/errors/store-errors.js';

/** After a repair that was refused as well, the next one waits this long. */
const PAUSE_MS = 1000;
/** Most calls that wait to be repaired or withdrawn: beyond these the oldest is forgotten, and a scan finds what others noted. */
const MOST_STOPPED = 100;

type Run = (script: 'mend' | 'withdraw', args: (string | number)[]) => Promise<unknown>;

/** Of a turn that stopped: what it was to settle goes back to its worker, whose next attempt settles it. */
export interface StoppedTurn {
  worker: string;
  settlements: readonly HeldJob[];
}

/** An enqueue that stopped: its jobs are taken back, where they have no place yet, and so is the record of its call. */
interface StoppedEnqueue {
  caller: string;
  ids: readonly string[];
}

/** Undefined: of another call, which noted in the store what it began. */
type Stopped = StoppedTurn | StoppedEnqueue | undefined;

/** A command of a script was refused: its user lacks it, a key has another type. What it wrote before stays written. */
function stoppedInside(error: unknown): boolean {
  if (!(error instanceof BrokerRefusedError)) return false;
  return error.cause instanceof Error && /script/i.test(error.cause.message);
}

/** Puts one queue in order after a script that stopped in the middle: at once, or before one of the next calls. */
export class Mender {
  private stopped: Stopped[] = [];
  private repair: Promise<void> | undefined;
  /** performance.now() before which no repair is tried for a call that does not depend on it. */
  private pausedUntil = 0;

  constructor(
    private readonly maxCrashes: number,
    private readonly run: Run,
  ) {}

  /** Something stopped that is not in order yet: {@link before} comes before the next call. */
  get isDue(): boolean {
    return this.stopped.length > 0 || this.repair !== undefined;
  }

  /**
   * Repairs what is due. A repair that is refused holds up no call but the turns of the worker whose own turn had stopped: what
   * that one settles must be in its hands first.
   * @throws BrokerRefusedError of such a turn, while the server refuses the repair
   */
  async before(worker?: string): Promise<void> {
    await this.repair?.catch(() => {});
    const isOwn = this.stopped.some((stopped) => stopped && 'worker' in stopped && stopped.worker === worker);
    if (isOwn) return this.mend();
    if (this.stopped.length > 0 && performance.now() >= this.pausedUntil) await this.mend().catch(() => {});
  }

  /** Where this fails, the queue is put in order before one of the next calls, or by the scan of any worker. */
  async after(refusal: unknown, stopped?: Stopped): Promise<void> {
    if (!stoppedInside(refusal)) return;
    this.remember(stopped);
    await this.before();
  }

  /** @throws BrokerRefusedError while the server refuses this, too */
  mend(): Promise<void> {
    this.repair ??= this.mendAll().finally(() => (this.repair = undefined));
    return this.repair;
  }

  private remember(stopped: Stopped): void {
    this.stopped.push(stopped);
    if (this.stopped.length > MOST_STOPPED) this.stopped.shift();
  }

  private async mendAll(): Promise<void> {
    const due = this.stopped.length === 0 ? [undefined] : this.stopped;
    this.stopped = [];
    const failures: unknown[] = [];
    for (const stopped of due) {
      try {
        await (stopped && 'caller' in stopped ? this.withdraw(stopped) : this.mendAfter(stopped));
      } catch (error) {
        failures.push(error);
        this.remember(stopped);
      }
    }
    if (failures.length === 0) return;
    this.pausedUntil = performance.now() + PAUSE_MS;
    throw failures[0];
  }

  private async withdraw({ caller, ids }: StoppedEnqueue): Promise<void> {
    await this.run('withdraw', [caller, ...ids]);
  }

  private async mendAfter(turn: StoppedTurn | undefined): Promise<void> {
    const pairs = (turn?.settlements ?? []).flatMap(({ id, token }) => [id, token]);
    await this.run('mend', [this.maxCrashes, turn?.worker ?? '', ...pairs]);
  }
}
