import type {
  NewSchedule,
  RegisterAnswer,
  ScheduleFire,
  StoredSchedule,
  Timetable,
} from '../../core/ports/timetable.js';
import { Schedule, type JobMaking } from './schedule.js';

/** A backlog of the old rule takes a few fires; whatever is due after so many is given up. */
const ATTEMPTS = 10;

export interface StoredRule {
  answer: Exclude<RegisterAnswer, 'due'>;
  /** What was stored, or was to be. */
  registration: NewSchedule;
}

/**
 * Registers a schedule. Where it replaces a rule with a tick that has come and is not fired, that tick is fired first, by
 * the rule it belongs to: a deployment in the very second of a tick, in its jitter or after an outage loses none. Only a
 * tick that waits for a run to end (`queue-one`) goes with its rule.
 * @param app whose code declares it; undefined for one made at run time
 */
export async function storeRule(
  timetable: Timetable,
  schedule: Schedule,
  making: JobMaking,
  app?: string,
): Promise<StoredRule> {
  const { queue, name } = schedule;
  let losesTick = false;
  for (let attempt = 1; ; attempt++) {
    const { now } = await timetable.due(queue, 1);
    const registration = { ...schedule.registration(now, app), ...(losesTick && { losesTick }) };
    const answer = await timetable.register(queue, registration);
    if (answer !== 'due') return { answer, registration };
    losesTick = attempt >= ATTEMPTS || !(await fireStored(timetable, queue, name, now, making));
  }
}

/** @returns whether the stored rule has moved on, so that it is worth another look */
async function fireStored(
  timetable: Timetable,
  queue: string,
  name: string,
  now: number,
  making: JobMaking,
): Promise<boolean> {
  const [stored] = await timetable.read(queue, [name]);
  // Another instance was faster, or the tick has come only since `now` was read.
  if (stored?.nextTick === undefined || stored.nextTick > now) return true;
  const fire = fireOf(stored, stored.nextTick, queue, now, making);
  if (fire === undefined) return false;
  const [answer] = await timetable.fire(queue, [{ ...fire, atOnce: true }]);
  // A tick whose job the server refuses goes with its rule: the new one may be what mends that.
  return typeof answer === 'string' && answer !== 'held' && answer !== 'early';
}

/** Undefined where this process cannot fire it: another version stored it, or the codec, which is the user's code, fails. */
function fireOf(
  stored: StoredSchedule,
  tick: number,
  queue: string,
  now: number,
  making: JobMaking,
): ScheduleFire | undefined {
  try {
    return Schedule.stored(queue, stored)?.fire({ tick, fired: stored.fired }, now, making);
  } catch {
    return undefined;
  }
}
