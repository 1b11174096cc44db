import type { Access } from '../access.js';
import type { DashboardContext } from '../dashboard-context.js';
import type { Fields } from '../fields.js';
import type { LineStream } from '../live/line-stream.js';
import type { ActionName, Actions, DashboardAction, ReadName, Reads, StreamName, Streams } from '../wire.js';

/** One request to a route, after everything about it was checked. */
export interface Call {
  readonly context: DashboardContext;
  readonly access: Access;
  readonly fields: Fields;
  /** Of a route about one queue: one that may be seen. Else ''. */
  readonly queue: string;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

interface Checked {
  /** `queue`: it takes a queue, which whoever asks must be allowed to see. `app`: it shows what they may see. */
  readonly about: 'queue' | 'app';
  /** Fields beside `queue`. */
  readonly takes: readonly string[];
  /** What somebody must be allowed to do; undefined: to look. */
  readonly needs?: DashboardAction;
  /** What certain fields need beside that. */
  alsoNeeds?(fields: Fields): readonly DashboardAction[];
}

export interface ReadRoute<A> extends Checked {
  answer(call: Call): A | Promise<A>;
}

export interface StreamRoute<M extends object> extends Checked {
  /** Whatever may fail with a status; then the answer begins, and the function that is returned sends it. */
  prepare(call: Call): Promise<(stream: LineStream<M>) => void | Promise<void>>;
}

export interface ActionRoute<A> extends Checked {
  readonly needs: DashboardAction;
  /** What the audit is told, also of an attempt that is refused. */
  subject(fields: Fields): Subject;
  act(call: Call): Promise<Deed<A>>;
}

export interface Subject {
  ids?: readonly string[];
  name?: string;
  where?: string;
}

export interface Deed<A> {
  answer: A;
  /** How many things were changed. */
  count: number;
  /** Of what was made, where nobody gave it one. */
  name?: string;
}

export type ReadRoutes = { readonly [N in ReadName]: ReadRoute<Reads[N]['answer']> };
export type StreamRoutes = { readonly [N in StreamName]: StreamRoute<Streams[N]['message']> };
export type ActionRoutes = { readonly [N in ActionName]: ActionRoute<Actions[N]['answer']> };
