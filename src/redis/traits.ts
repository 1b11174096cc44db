import type { NewJob, OnConflict } from '../core/ports/intake.js';

type NewTraits = Pick<
  NewJob,
  'priority' | 'userId' | 'uniqueKey' | 'freeWhileRunning' | 'onConflict' | 'cost' | 'group' | 'ordered'
>;

/** The text of a new job's field in `traits` (scripts/lib/traits.lua): a line for each trait that it has, else ''. */
export function encodeTraits({
  priority,
  userId,
  uniqueKey,
  freeWhileRunning,
  onConflict,
  cost = 1,
  group,
  ordered,
}: NewTraits): string {
  let text = priority ? `\np${priority}` : '';
  if (userId !== undefined) text += `\nu${userId}`;
  if (uniqueKey !== undefined) text += `\nq${uniqueKey}`;
  if (freeWhileRunning) text += '\nr';
  if (onConflict !== undefined) text += `\nm${modeOf(onConflict)}`;
  if (cost !== 1) text += `\nc${cost}`;
  if (group !== undefined) text += `\ng${group}`;
  if (ordered) text += '\no';
  return text.slice(1);
}

/** As scripts/lib/conflict.lua reads it. */
function modeOf(onConflict: OnConflict): string {
  switch (onConflict.kind) {
    case 'replace':
      return 'r';
    case 'throttle':
      return (onConflict.both ? 'b' : 'w') + onConflict.ms;
    case 'debounce':
      return `d${onConflict.ms} ${onConflict.atMostMs}`;
  }
}
