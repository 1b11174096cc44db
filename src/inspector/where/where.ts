import type { JobState } from '../../core/job.js';

export type Operator = '<' | '<=' | '>' | '>=';

/** One of the values of a term. `number` is in the unit of its field: ms of an age. */
export type WhereValue =
  | { kind: 'is' | 'begins'; text: string }
  | { kind: 'exists' }
  | { kind: 'compare'; operator: Operator; number: number };

/** What a term looks at: a field of the grammar, keys of the payload, or the text of the job. */
export type WhereField =
  'name' | 'id' | 'group' | 'schedule' | 'reason' | 'error' | 'age' | 'attempts' | 'priority' | 'payload' | 'text';

/** A job fits where it has one of the values; negated, where it has none of them. */
export interface WhereTerm {
  field: WhereField;
  /** Keys of a value in the payload. */
  path: readonly string[];
  isNegated: boolean;
  values: readonly WhereValue[];
}

/** A `where` that was read: a job fits where all of it is true. */
export interface Where {
  text: string;
  states: readonly JobState[];
  terms: readonly WhereTerm[];
}
