import type { Presence } from '../core/ports/presence.js';
import { decodeProcess, type ProcessInfo } from './process-info.js';

/** One queue of the prefix, and who works on it. */
export interface QueueListing {
  queue: string;
  /** This app knows it; else another app does. */
  known: boolean;
  /** Processes that work on it. */
  processes: number;
  /** Jobs, or calls of batch handlers, that they may run at once. */
  slots: number;
  slotsBusy: number;
  /** Job names of their handlers, sorted; `*` for one that takes every other name. */
  names: string[];
}

/** Oldest start first. */
export async function listProcesses(presence: Presence): Promise<ProcessInfo[]> {
  const present = await presence.processes();
  return present
    .map(decodeProcess)
    .filter((info) => info !== undefined)
    .sort((one, other) => one.startedAt.getTime() - other.startedAt.getTime() || (one.id < other.id ? -1 : 1));
}

/**
 * Queues of this app, and those that processes of other apps of the prefix knew within 30 days; by name.
 * @param known names of queues of this app
 */
export async function listQueues(presence: Presence, known: Iterable<string>): Promise<QueueListing[]> {
  const [processes, registered] = await Promise.all([listProcesses(presence), presence.queues()]);
  const own = new Set(known);
  const loads = processes.flatMap(({ queues }) => queues);
  return [...new Set([...own, ...registered])].sort().map((queue) => {
    const concerned = loads.filter((load) => load.queue === queue);
    return {
      queue,
      known: own.has(queue),
      processes: concerned.length,
      slots: concerned.reduce((sum, { slots }) => sum + slots, 0),
      slotsBusy: concerned.reduce((sum, { slotsBusy }) => sum + slotsBusy, 0),
      names: [...new Set(concerned.flatMap(({ names }) => names))].sort(),
    };
  });
}
