/** What an alert says as it changes. */
export interface QueueAlert {
  /** Name of the rule. */
  rule: string;
  /** Undefined where the rule is about the store as a whole. */
  queue?: string;
  state: 'firing' | 'resolved';
  /** Since when its condition holds; of a resolved alert, since when it does not. By the store's clock. */
  since: Date;
  /** What was measured: ms of an age, a share from 0 to 1, a number of jobs. */
  value: number;
}

/** An alert that fires now. */
export interface FiringAlert extends QueueAlert {
  /** The option `app` of `forRoot` whose rule it is. */
  app: string;
  state: 'firing';
}

/** One change that listeners have to hear of. Instants are store time, ms. */
export interface AlertTransition {
  state: QueueAlert['state'];
  since: number;
  value: number;
}

/** What is stored of an alert that is not at rest. */
export interface AlertRecord {
  /** `pending`: its condition holds, and not yet for as long as the rule wants. */
  state: 'pending' | QueueAlert['state'];
  since: number;
  value: number;
  /** Changes whose listeners were not called yet, as far as is known; oldest first. */
  untold: AlertTransition[];
  /** The process that calls the listeners, and until when others leave it to that one. */
  teller?: string;
  tellBy?: number;
}

export function encodeAlert(record: AlertRecord): string {
  const { untold, ...rest } = record;
  return JSON.stringify(untold.length === 0 ? rest : { ...rest, untold });
}

/** @returns undefined for a record of another version */
export function decodeAlert(text: string): AlertRecord | undefined {
  let found: Partial<AlertRecord> | null;
  try {
    found = JSON.parse(text) as Partial<AlertRecord> | null;
  } catch {
    return undefined;
  }
  const { state, since, value, untold = [], teller, tellBy } = found ?? {};
  const isWhole =
    (state === 'pending' || state === 'firing' || state === 'resolved') &&
    typeof since === 'number' &&
    typeof value === 'number' &&
    Array.isArray(untold);
  if (!isWhole) return undefined;
  return {
    state,
    since,
    value,
    untold,
    ...(teller !== undefined && { teller }),
    ...(tellBy !== undefined && { tellBy }),
  };
}

/** @param queue `''`: none */
export function alertOf(rule: string, queue: string, { state, since, value }: AlertTransition): QueueAlert {
  return { rule, ...(queue !== '' && { queue }), state, since: new Date(since), value };
}
