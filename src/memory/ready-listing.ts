import { RULES } from '../core/rules.js';
import { isSuspect, type KeptJob } from './kept-job.js';
import type { Lanes } from './lanes.js';

/** Where a ready job stood when it was listed, as a cursor says it. */
export interface ReadyPlace {
  /** `s` among the suspects, else the priority by which it was placed; of a group `g`, that priority and the key. */
  part: string;
  id: string;
}

export const READY_PLACE = /^(s|\d|g[0-9a][^:]+):.+$/;

const TOP = RULES.highestPriority + 1;

export function readyPartOf(job: KeptJob): string {
  if (isSuspect(job)) return 's';
  return job.group === undefined ? String(job.level) : `g${job.level.toString(36)}${job.group}`;
}

/** What stands behind a place: the suspects by their ids, jobs without a group, then groups by their keys, each as it runs. */
export function* readyBehind(lanes: Lanes, place: ReadyPlace | undefined): Generator<KeptJob> {
  const { part, level, key } = readPlace(place);
  if (part === 's') yield* suspectsBehind(lanes, place?.id);
  if (part !== 'g') yield* lanes.own.line.behind(level ?? TOP, level === undefined ? undefined : place?.id);
  for (const lane of lanes.inOrder()) {
    if (key === undefined || lane.key > key) yield* lane.line;
    else if (lane.key === key) yield* lane.line.behind(level ?? TOP, place?.id);
  }
}

/** The newest first: the other way round inside of each line. */
export function* newestReadyBehind(lanes: Lanes, place: ReadyPlace | undefined): Generator<KeptJob> {
  const { part, level, key } = readPlace(place);
  if (place === undefined || part === 'own') yield* lanes.own.line.before(level ?? 0, place?.id);
  if (part !== 'g') yield* suspectsBehind(lanes, part === 's' ? place?.id : undefined);
  for (const lane of lanes.inOrder()) {
    if (key === undefined || lane.key > key) yield* lane.line.before(0, undefined);
    else if (lane.key === key) yield* lane.line.before(level ?? 0, place?.id);
  }
}

interface Place {
  part: 's' | 'own' | 'g';
  level?: number;
  key?: string;
}

function readPlace(place: ReadyPlace | undefined): Place {
  if (place === undefined || place.part === 's') return { part: 's' };
  if (!place.part.startsWith('g')) return { part: 'own', level: Number(place.part) };
  return { part: 'g', level: parseInt(place.part[1], 36), key: place.part.slice(2) };
}

function suspectsBehind(lanes: Lanes, id: string | undefined): KeptJob[] {
  const behind = lanes.suspects.live().filter((job) => id === undefined || job.id > id);
  return behind.sort((a, b) => (a.id < b.id ? -1 : 1));
}
