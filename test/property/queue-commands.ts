import * as fc from 'fast-check';
import { command, type Command, type Freedom } from './command.js';
import * as curator from './curator-commands.js';
import * as producer from './producer-commands.js';
import * as schedule from './schedule-commands.js';
import * as worker from './worker-commands.js';

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** The reply was lost, or a socket delivers a copy of the call after others. */
const repeatCall = command('repeatCall', fc.nat(3), (queue, _, age) => queue.fixture.repeatCall(age));

/** Each is as likely as any other: what happens often, or leads far, is here more than once. */
export const queueCommands = (freedom: Freedom): fc.Arbitrary<Command>[] => [
  ...times(4, producer.enqueue),
  producer.enqueuePlain,
  ...times(3, repeatCall),
  producer.inbox,
  schedule.register,
  ...times(3, schedule.fire),
  ...times(2, schedule.announce),
  schedule.pauseRule,
  schedule.resumeRule,
  schedule.runNow,
  schedule.forgetRule,
  ...times(12, worker.takeTurn(freedom)),
  ...times(3, worker.awaitJobs(freedom)),
  ...times(2, worker.repeatTurn),
  worker.beat,
  worker.reconcile,
  worker.leave,
  worker.report,
  ...times(2, worker.advance),
  worker.scan,
  ...times(2, worker.crash),
  worker.crashLoop,
  worker.promote,
  ...times(2, curator.pause),
  ...times(2, curator.cancel),
  curator.remove,
  ...times(2, curator.retryDead),
  curator.purge(freedom),
  curator.trim(freedom),
  curator.listen,
  curator.read,
  curator.listing,
];
