import type { Alerts } from './alerts.js';
import type { Bulks } from './bulks.js';
import type { Connection } from './connection.js';
import type { Curation } from './curation.js';
import type { Duties } from './duties.js';
import type { Explainer } from './explainer.js';
import type { Groups } from './groups.js';
import type { Intake } from './intake.js';
import type { Limits } from './limits.js';
import type { Notices } from './notices.js';
import type { Presence } from './presence.js';
import type { Statistics } from './statistics.js';
import type { Search } from './search.js';
import type { Timetable } from './timetable.js';
import type { WorkerStore } from './worker-store.js';

/**
 * The place where jobs are stored, as one port for each kind of user. `redis/` and `memory/` implement it, one contract suite
 * proves both. Every verb is atomic, survives a lost reply (it is repeated, and does nothing twice), and uses the store's clock
 * alone. One that writes and whose reply never comes rejects with `CallOutcomeUnknownError`, unless it says otherwise. Queue
 * names, user ids and sizes are checked before they come here.
 */
export interface Store {
  readonly connection: Connection;
  readonly intake: Intake;
  readonly workers: WorkerStore;
  readonly duties: Duties;
  readonly curation: Curation;
  readonly bulks: Bulks;
  readonly search: Search;
  readonly explainer: Explainer;
  readonly limits: Limits;
  readonly groups: Groups;
  readonly notices: Notices;
  readonly presence: Presence;
  readonly alerts: Alerts;
  readonly statistics: Statistics;
  readonly timetable: Timetable;
}
