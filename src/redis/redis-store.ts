import type { Connection } from '../core/ports/connection.js';
import type { Curation } from '../core/ports/curation.js';
import type { Duties } from '../core/ports/duties.js';
import type { Intake } from '../core/ports/intake.js';
import type { Notices } from '../core/ports/notices.js';
import type { Store } from '../core/ports/store.js';
import type { Timetable } from '../core/ports/timetable.js';
import type { WorkerStore } from '../core/ports/worker-store.js';
import { showMembers } from '../core/shown-members.js';
import { ServerConnection } from './connection.js';
import { RedisCuration } from './curation.js';
import { RedisDuties } from './duties.js';
import { RedisIntake } from './intake.js';
import { RedisLeases } from './leases.js';
import { RedisNotices } from './notices.js';
import { RedisQueues } from './redis-queue.js';
import type { RedisStoreOptions } from './store-options.js';
import { RedisTimetable } from './timetable.js';

/** The store on Redis. Each member has one short method per script; the scripts hold the promises. */
export class RedisStore implements Store {
  readonly connection: Connection;
  readonly intake: Intake;
  readonly workers: WorkerStore;
  readonly duties: Duties;
  readonly curation: Curation;
  readonly notices: Notices;
  readonly timetable: Timetable;

  constructor(options: RedisStoreOptions) {
    const connection = new ServerConnection(options);
    const queues = new RedisQueues(connection, options);
    this.connection = connection;
    this.intake = new RedisIntake(connection, queues, options.commandTimeoutMs);
    this.workers = new RedisLeases(connection, queues, options);
    this.duties = new RedisDuties(queues, options.maxCrashes);
    this.curation = new RedisCuration(queues, this.duties);
    this.notices = new RedisNotices(connection, queues);
    this.timetable = new RedisTimetable(queues);
  }
}

showMembers(RedisStore);
