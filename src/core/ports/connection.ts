import type { StoreFacts, StoreReport } from '../store-report.js';

/** The store as a whole: what it is, what time it has, and whether it can be reached. */
export interface Connection {
  /** What this store can do beyond the verbs; what it cannot is refused with `UnsupportedError`. */
  readonly capabilities: StoreCapabilities;

  /** Connects and refuses a store that cannot keep the promises. @throws BrokerUnavailableError, IncompatibleStoreError */
  open(): Promise<StoreFacts>;
  /** Asks the store anew what it guarantees. Never fails for what it may not ask: that is `unknown`. */
  examine(): Promise<StoreReport>;
  /** Ends every connection; calls after it reject with `BrokerUnavailableError`. */
  close(): Promise<void>;
  /** Whether the store has reported the outage that made a call fail: then the caller adds no line to the log. */
  hasReported?(error: unknown): boolean;
  /** Best knowledge of the store's clock, ms since the epoch: for information and timers, never for decisions. */
  now(): number;
  /** The app has started: from now on the connections of the store keep its process alive. */
  bootEnded?(): void;
}

/** Ends a subscription. */
export type Unsubscribe = () => Promise<void>;

export interface StoreCapabilities {
  /** Other processes can use the same store. */
  shared: boolean;
  /** `WorkerStore.startHeartbeat` will work: a handler that blocks the main loop keeps its jobs. */
  heartbeat: boolean;
  /** It would, if this process were permitted to start threads. */
  heartbeatForbidden?: boolean;
  /** `Intake.enqueue` can wait for confirmations; otherwise it refuses to. */
  durability: boolean;
}
