import { InvalidValueError } from '../core/errors/option-errors.js';
import { readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { DASHBOARD_ACTIONS, type DashboardAction } from './wire.js';

/**
 * What somebody may do: nothing at all, look, everything; or look at some queues and do some things with them.
 * - `user`: a name for the audit.
 * - `queues`: default all.
 * - `can`: default nothing.
 */
export type DashboardAccess =
  'none' | 'read' | 'all' | { user?: string; queues?: readonly string[]; can?: readonly DashboardAction[] | 'all' };

/** The same, read. */
export interface Access {
  readonly user: string | undefined;
  /** Undefined: all. */
  readonly queues: ReadonlySet<string> | undefined;
  readonly can: ReadonlySet<DashboardAction>;
}

/** Looks at fields that are hidden, and changes nothing. */
const LOOKS: readonly DashboardAction[] = ['payload.reveal'];

const KEYS = ['user', 'queues', 'can'];
const LONGEST_USER = 200;

/**
 * @returns undefined for somebody who may not even look
 * @throws InvalidValueError, UnknownOptionError for what is no such answer: nothing is allowed then
 */
export function readAccess(given: DashboardAccess, readOnly: boolean): Access | undefined {
  if (given === 'none') return undefined;
  const { user, queues, can } = given === 'read' || given === 'all' ? wholesale(given) : readGrant(given);
  const allowed = readOnly ? can.filter((action) => LOOKS.includes(action)) : can;
  return { user, queues: queues && new Set(queues), can: new Set(allowed) };
}

export function sees(access: Access, queue: string): boolean {
  return access.queues === undefined || access.queues.has(queue);
}

interface Grant {
  user?: string | undefined;
  queues?: readonly string[] | undefined;
  can: readonly DashboardAction[];
}

function wholesale(given: 'read' | 'all'): Grant {
  return { can: given === 'all' ? DASHBOARD_ACTIONS : [] };
}

function readGrant(given: unknown): Grant {
  const what = 'answer of authorize';
  requireObject(given, what, 'return "none", "read", "all" or { user, queues, can }');
  refuseUnknownKeys(given, KEYS, `the ${what}`, ['queues', 'can']);
  const { user, queues, can = [] } = given as { user?: unknown; queues?: unknown; can?: unknown };
  if (user !== undefined && (typeof user !== 'string' || user === '' || user.length > LONGEST_USER)) {
    throw new InvalidValueError(`user in the ${what}`, user, `return a text of at most ${LONGEST_USER} characters`);
  }
  if (queues !== undefined && !(Array.isArray(queues) && queues.every((queue) => typeof queue === 'string'))) {
    throw new InvalidValueError(`queues in the ${what}`, queues, 'return an array of names');
  }
  if (can === 'all') return { user, queues, can: DASHBOARD_ACTIONS };
  if (!Array.isArray(can))
    throw new InvalidValueError(`can in the ${what}`, can, 'return an array of actions, or "all"');
  const actions = can.map((action) => readOneOf(action, DASHBOARD_ACTIONS, `action in the ${what}`));
  return { user, queues, can: actions as DashboardAction[] };
}
