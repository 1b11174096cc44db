/** What the alerts of the apps of a prefix found: one list for all queues of a store. Only alerts that are not at rest have a record. */
export interface Alerts {
  /**
   * One process of an app looks at a time: it keeps the lease as long as it asks again within `leaseMs`. One of a higher rank takes over
   * at once.
   * @param rank a whole number
   */
  look(app: string, process: string, rank: number, leaseMs: number): Promise<AlertLook>;
  /**
   * Changes each alert whose record is the one that was seen.
   * @returns per change whether its record is there now: false where another process was first
   */
  change(app: string, changes: readonly AlertChange[]): Promise<boolean[]>;
  /** Alerts of all apps, in no order. It writes nothing. */
  read(): Promise<(StoredAlert & { app: string })[]>;
}

export interface AlertLook {
  /** Store time, ms. */
  now: number;
  /** This process has the lease. */
  looks: boolean;
  /** Those of the app, in no order. */
  alerts: StoredAlert[];
}

export interface StoredAlert {
  /** Name of the rule. */
  rule: string;
  /** `''`: it is about the store as a whole. */
  queue: string;
  /** A text that the store does not read. */
  record: string;
}

export interface AlertChange {
  rule: string;
  queue: string;
  /** The record that was seen; undefined for none. */
  seen: string | undefined;
  /** Undefined deletes it. */
  record: string | undefined;
}
