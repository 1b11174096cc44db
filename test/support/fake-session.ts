import type {
  SessionPlan,
  Settlement,
  TurnAnswer,
  TurnNeed,
  TurnRequest,
  WorkerSession,
} from '../../src/core/ports/worker-store.js';
import { MessageLog } from './message-log.js';

export interface AskedTurn {
  request: TurnRequest;
  /** What ended before it. */
  settlements: readonly Settlement[];
  answer(answer?: Partial<TurnAnswer>): void;
}

/** A session that takes one turn at a time, answers when the test says so, and does nothing else. */
export class FakeSession implements WorkerSession {
  readonly turns = new MessageLog<AskedTurn>();
  readonly mostJobs = 1000;
  readonly hasRegisteredRoom = false;
  private settlements: Settlement[] = [];
  private turning = false;

  /** @param now store time of every answer, ms */
  constructor(
    readonly plan: SessionPlan,
    private readonly now: number,
  ) {}

  async nth(count: number): Promise<AskedTurn> {
    return (await this.turns.first(count))[count - 1];
  }

  async listen(): Promise<void> {}

  settle(settlement: Settlement): void {
    this.settlements.push(settlement);
  }

  get hasUnsettled(): boolean {
    return this.settlements.length > 0;
  }

  hasFullBatch(): boolean {
    return false;
  }

  isWorthATurn({ hungry, probing }: TurnNeed): boolean {
    return !this.turning && (hungry || probing || this.hasUnsettled);
  }

  turn(request: TurnRequest): Promise<TurnAnswer> {
    const { now, settlements } = this;
    this.settlements = [];
    this.turning = true;
    return new Promise((resolve) => {
      const answer = (given: Partial<TurnAnswer> = {}) => {
        this.turning = false;
        resolve({ ...emptyAnswer(now), ...given });
      };
      this.turns.listener({ request, settlements, answer });
    });
  }

  async reconcile(): Promise<void> {}

  async report(): Promise<{ lost: string[] }> {
    return { lost: [] };
  }

  async beat() {
    return { now: this.now, lapsed: false, cancelling: [] };
  }

  stopReserving(): void {}

  async close(): Promise<void> {}

  async leave(): Promise<void> {}
}

function emptyAnswer(now: number): TurnAnswer {
  return {
    now,
    jobs: [],
    renewed: false,
    more: false,
    lost: [],
    cancelling: [],
    paused: false,
    suspects: false,
    nextDueAt: undefined,
    limited: false,
    trimmedDead: 0,
  };
}
