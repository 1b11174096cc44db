import * as real from '../process/real-timers.js';
import type { OutageLog } from './outage-log.js';

/** As a delay: no timer is set, and the loop sleeps until {@link PeriodicLoop.wake}. */
export const UNTIL_WOKEN = Infinity;

const FIRST_BACKOFF_MS = 250;
/** The scan for dead workers must run soon after the store is back. */
const LONGEST_BACKOFF_MS = 3000;
/** Longest delay of a Node timer; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export interface PeriodicLoopOptions {
  /** An agent and what it works on, such as `reclaimer of "mail"`: for logs, and unique in its outage log. */
  name: string;
  /** One turn of the duty. Its answer is the delay before the next, ms, or {@link UNTIL_WOKEN}. */
  step: () => Promise<number>;
  /** Share by which a delay varies in both directions, so that processes which start together drift apart. Default 0.2. */
  jitter?: number;
  outages: OutageLog;
  /** Its timer keeps no process alive, and no fake clock moves it: for what only reports. Default false. */
  inBackground?: boolean;
  /** A number in [0, 1). */
  random?: () => number;
}

/**
 * Repeats one background duty, never two turns at a time. A turn that fails is tried again, later and later; only
 * {@link stop} ends the loop. Unless it is in the background, its timer keeps the process alive: who serves queues or schedules
 * runs until it is closed.
 */
export class PeriodicLoop {
  private timer: NodeJS.Timeout | undefined;
  /** `clearTimeout` of the clock that set the timer: a test may have changed to fake timers since, or back. */
  private clear = clearTimeout;
  private turn: Promise<void> | undefined;
  private wokenInTurn = false;
  private failures = 0;
  private running = false;

  constructor(private readonly options: PeriodicLoopOptions) {}

  get name(): string {
    return this.options.name;
  }

  /** @param delayMs until the first turn */
  start(delayMs = 0): void {
    if (this.running) return;
    this.running = true;
    this.sleep(delayMs);
  }

  /** The next turn begins now. While a turn runs, another one follows: the running one may have missed the cause. */
  wake(): void {
    if (!this.running) return;
    if (this.turn) this.wokenInTurn = true;
    else this.sleep(0);
  }

  /** One turn that begins now or, while one runs, right after it; resolves when it has ended. Also before {@link start}. */
  async runOnce(): Promise<void> {
    while (this.turn) await this.turn;
    await this.run();
  }

  /** No further turn begins; resolves when the running one has ended. */
  async stop(): Promise<void> {
    this.running = false;
    this.clearTimer();
    await this.turn;
    this.clearTimer();
    this.options.outages.forget(this.options.name);
  }

  private sleep(delayMs: number): void {
    this.clearTimer();
    if (!this.running || delayMs === UNTIL_WOKEN) return;
    const waitMs = Math.min(Math.max(0, Math.round(delayMs)), LONGEST_TIMER_MS);
    const { inBackground = false } = this.options;
    this.clear = inBackground ? real.clearTimeout : clearTimeout;
    this.timer = (inBackground ? real.setTimeout : setTimeout)(() => {
      this.timer = undefined;
      void this.run();
    }, waitMs);
    if (inBackground) this.timer.unref();
  }

  private clearTimer(): void {
    const { clear } = this;
    clear(this.timer);
    this.timer = undefined;
  }

  private run(): Promise<void> {
    this.clearTimer();
    this.turn ??= this.takeTurn().finally(() => {
      this.turn = undefined;
    });
    return this.turn;
  }

  private async takeTurn(): Promise<void> {
    this.wokenInTurn = false;
    const delayMs = await this.stepSafely();
    this.sleep(this.wokenInTurn && this.failures === 0 ? 0 : delayMs);
  }

  /** @returns the delay before the next turn, jittered */
  private async stepSafely(): Promise<number> {
    const { name, step, outages, jitter = 0.2, random = Math.random } = this.options;
    try {
      const delayMs = await step();
      this.failures = 0;
      outages.worked(name);
      return delayMs === UNTIL_WOKEN ? delayMs : delayMs * (1 - jitter + 2 * jitter * random());
    } catch (error) {
      outages.failed(name, error);
      const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(this.failures++, 10), LONGEST_BACKOFF_MS);
      // At least half: loops must not all meet a store that just came back, and a sick store must not cause a busy loop.
      return backoffMs * (0.5 + 0.5 * random());
    }
  }
}
