import type { GroupHoldInfo, GroupInfo } from '../../queue/group-lister.js';
import type { Group } from '../wire.js';

export function groupViewOf({ key, waiting, running, rule, hold }: GroupInfo): Group {
  return { key, waiting, running, ...(rule && { rule }), ...(hold && { hold: holdOf(hold) }) };
}

function holdOf({ until, ...hold }: GroupHoldInfo): NonNullable<Group['hold']> {
  return { ...hold, ...(until && { until: until.getTime() }) };
}
