import type { Clock } from '../core/clock.js';
import type { Alerts } from '../core/ports/alerts.js';
import type { Bulks } from '../core/ports/bulks.js';
import type { Connection } from '../core/ports/connection.js';
import type { Curation } from '../core/ports/curation.js';
import type { Duties } from '../core/ports/duties.js';
import type { Explainer } from '../core/ports/explainer.js';
import type { Groups } from '../core/ports/groups.js';
import type { Intake } from '../core/ports/intake.js';
import type { Limits } from '../core/ports/limits.js';
import type { Notices } from '../core/ports/notices.js';
import type { Presence } from '../core/ports/presence.js';
import type { Statistics } from '../core/ports/statistics.js';
import type { Search } from '../core/ports/search.js';
import type { Store } from '../core/ports/store.js';
import type { Timetable } from '../core/ports/timetable.js';
import type { WorkerStore } from '../core/ports/worker-store.js';
import { showMembers } from '../core/shown-members.js';
import { MemoryAlerts } from './alerts.js';
import { MemoryBulks } from './bulks.js';
import { MemoryConnection } from './connection.js';
import { MemoryCuration } from './curation.js';
import { MemoryDuties } from './duties.js';
import { MemoryExplainer } from './explainer.js';
import { MemoryGroups } from './groups.js';
import { MemoryIntake } from './intake.js';
import { MemoryLeases } from './leases.js';
import { MemoryLimits } from './limits.js';
import { MemoryServer } from './memory-server.js';
import { MemoryNotices } from './notices.js';
import { MemoryPresence } from './presence.js';
import { MemoryStatistics } from './statistics.js';
import { MemorySearch } from './search.js';
import { MemoryTimetable } from './timetable.js';

export interface MemoryStoreOptions {
  /** Default: real time. */
  clock?: Clock;
  /** Stores of one name in one process share one server; without a name it is private. */
  name?: string;
  /** A server that others use, too; then clock and name are not looked at. */
  server?: MemoryServer;
}

/**
 * Jobs in the memory of this process: they end with it. The embedded default, the test mode, and the model the Redis store is
 * compared with. Leases end when a test moves the clock or kills a worker on the {@link server}, never by real time.
 */
export class MemoryStore implements Store {
  readonly server: MemoryServer;
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

  /** @throws ConfigurationError when the server of this name has another clock */
  constructor({ name, clock, server }: MemoryStoreOptions = {}) {
    this.server = server ?? (name === undefined ? new MemoryServer(clock) : MemoryServer.named(name, clock));
    const connection = new MemoryConnection(this.server, name);
    this.connection = connection;
    this.intake = new MemoryIntake(connection, this.server.inboxes);
    this.workers = new MemoryLeases(connection);
    this.duties = new MemoryDuties(connection);
    this.curation = new MemoryCuration(connection);
    this.bulks = new MemoryBulks(connection);
    this.search = new MemorySearch(connection);
    this.explainer = new MemoryExplainer(connection);
    this.limits = new MemoryLimits(connection);
    this.groups = new MemoryGroups(connection);
    this.notices = new MemoryNotices(connection);
    this.presence = new MemoryPresence(connection);
    this.alerts = new MemoryAlerts(connection);
    this.statistics = new MemoryStatistics(connection);
    this.timetable = new MemoryTimetable(connection);
  }
}

showMembers(MemoryStore);
