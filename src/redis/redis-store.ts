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
import { RedisAlerts } from './alerts.js';
import { RedisBulks } from './bulks.js';
import { ServerConnection } from './connection.js';
import { RedisCuration } from './curation.js';
import { RedisDuties } from './duties.js';
import { RedisExplainer } from './explainer.js';
import { RedisGroups } from './groups.js';
import { RedisIntake } from './intake.js';
import { RedisLeases } from './leases.js';
import { RedisLimits } from './limits.js';
import { RedisNotices } from './notices.js';
import { RedisPresence } from './presence.js';
import { RedisQueues } from './redis-queue.js';
import { ReplicaQueues } from './replica-queues.js';
import { RedisSearch } from './search.js';
import type { RedisStoreOptions } from './store-options.js';
import { RedisStatistics } from './statistics.js';
import { RedisTimetable } from './timetable.js';

/** The store on Redis. Each member has one short method per script; the scripts hold the promises. */
export class RedisStore implements Store {
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

  constructor(options: RedisStoreOptions) {
    const connection = new ServerConnection(options);
    const queues = new RedisQueues(connection, options);
    this.connection = connection;
    this.intake = new RedisIntake(connection, queues, options.commandTimeoutMs);
    this.workers = new RedisLeases(connection, queues, options);
    this.duties = new RedisDuties(queues, options.maxCrashes);
    this.curation = new RedisCuration(queues, this.duties);
    this.bulks = new RedisBulks(queues);
    this.search = new RedisSearch(queues, new ReplicaQueues(connection, options));
    this.explainer = new RedisExplainer(queues);
    this.limits = new RedisLimits(queues);
    this.groups = new RedisGroups(queues);
    this.notices = new RedisNotices(connection, queues);
    this.presence = new RedisPresence(connection, options.prefix);
    this.alerts = new RedisAlerts(connection, options.prefix);
    this.statistics = new RedisStatistics(queues);
    this.timetable = new RedisTimetable(queues);
  }
}

showMembers(RedisStore);
