/** One sequence of turns: the store remembers the last one of each. */
export interface Lane {
  readonly lane: number;
  /** Number of the last call. */
  call: number;
  busy: boolean;
  /** Fence of the last job handed over, as the turn under way named it to the store. */
  handedFence: number;
}

/** Turns under way at once: the store works on one while Node writes and runs the next. */
export const LANES = 2;

/** The lanes of one worker on one queue. */
export class Lanes {
  private readonly lanes: Lane[] = Array.from({ length: LANES }, (_, lane) => ({
    lane,
    call: 0,
    busy: false,
    handedFence: 0,
  }));

  get isAnyBusy(): boolean {
    return this.lanes.some(({ busy }) => busy);
  }

  /** The first that is free: the store hands jobs to a worker whose first lane asked a moment ago. */
  get free(): Lane | undefined {
    return this.lanes.find(({ busy }) => !busy);
  }

  /** The fences that the turns under way named to the store. */
  get handedFences(): number[] {
    return this.lanes.filter(({ busy }) => busy).map(({ handedFence }) => handedFence);
  }
}
