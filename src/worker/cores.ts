import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** Where Linux mounts what limits a group of processes: version 2, and the processor's part of version 1. */
const ROOTS = { v2: '/sys/fs/cgroup', v1: '/sys/fs/cgroup/cpu' };

let known: number | undefined;

/** How many cores this process may keep busy: those it may run on, or the share of them that a container was given. */
export function cores(): number {
  known ??= Math.min(availableParallelism(), quotaOf(read));
  return known;
}

/**
 * The smallest limit of the group of this process and of those around it, in cores; Infinity without one.
 * @param text of a file, '' where there is none
 */
export function quotaOf(text: (path: string) => string): number {
  let least = Infinity;
  for (const line of text('/proc/self/cgroup').split('\n')) {
    const [, controllers, path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === '')
      least = Math.min(
        least,
        leastOf(ROOTS.v2, path, (folder) => text(join(folder, 'cpu.max'))),
      );
    else if (controllers?.split(',').includes('cpu')) {
      const limit = (folder: string) =>
        `${text(join(folder, 'cpu.cfs_quota_us')).trim()} ${text(join(folder, 'cpu.cfs_period_us'))}`;
      least = Math.min(least, leastOf(ROOTS.v1, path, limit));
    }
  }
  return least;
}

/** @param limit 'quota period', both in µs; 'max' or a negative quota is none */
function leastOf(root: string, path: string, limit: (folder: string) => string): number {
  let least = Infinity;
  for (let folder = path; ; folder = dirname(folder)) {
    const [quota, period] = limit(join(root, folder)).split(' ').map(Number);
    if (quota > 0 && period > 0) least = Math.min(least, quota / period);
    if (folder === dirname(folder)) return least;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not Linux, or not for us to read
  }
}
