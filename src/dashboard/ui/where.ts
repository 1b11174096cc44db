import type { JobState } from '../wire-models.js';

export const JOB_STATES: readonly JobState[] = [
  'ready',
  'active',
  'scheduled',
  'parked',
  'blocked',
  'dead',
  'completed',
  'cancelled',
];

const STATE_TERM = /(?:^|\s)state:(\w+)(?=\s|$)/;

/** Takes the state out of a filter that somebody typed: the tabs show it. */
export function splitState(typed: string): { state: JobState | undefined; where: string } {
  const found = STATE_TERM.exec(typed);
  const state = JOB_STATES.find((one) => one === found?.[1]);
  if (!found || !state) return { state: undefined, where: typed.trim() };
  return { state, where: `${typed.slice(0, found.index)} ${typed.slice(found.index + found[0].length)}`.trim() };
}

/** The whole filter, as find takes it. */
export function whereOf(state: JobState, where: string | undefined): string {
  return where ? `state:${state} ${where}` : `state:${state}`;
}

/** A term of the filter; quoted where it has to be. */
export function termOf(path: string, value: string): string {
  return `${path}:${/^[\w.@/-]+$/.test(value) ? value : JSON.stringify(value)}`;
}
