import type { StoreFacts } from '../../core/store-report.js';

interface Vulnerability {
  id: string;
  kind: StoreFacts['kind'];
  what: string;
  /** First safe version of each maintained line; lines that are not here and older than the newest one are not mended. */
  fixedIn: readonly string[];
}

/** Of those that reach a server which runs scripts for its clients, as every server of this package does. */
const VULNERABILITIES: readonly Vulnerability[] = [
  {
    id: 'CVE-2025-49844',
    kind: 'redis',
    what: 'a client that may run scripts can take over the server',
    fixedIn: ['6.2.20', '7.2.11', '7.4.6', '8.0.4', '8.2.2'],
  },
  {
    id: 'CVE-2025-49844',
    kind: 'valkey',
    what: 'a client that may run scripts can take over the server',
    fixedIn: ['7.2.11', '8.0.6', '8.1.4'],
  },
];

/** Known holes of this version. Distributions mend older ones under the same number: then these do not apply. */
export function vulnerabilitiesOf(kind: StoreFacts['kind'], version: string): string[] {
  return VULNERABILITIES.filter((known) => known.kind === kind && !isSafe(version, known.fixedIn)).map(
    ({ id, what, fixedIn }) =>
      `${kind} ${version} is older than the fix of ${id} (${what}): use ${fixedIn.join(', ')} or newer`,
  );
}

function isSafe(version: string, fixedIn: readonly string[]): boolean {
  const numbers = numbersOf(version);
  if (numbers.some((part) => !Number.isInteger(part))) return true; // an unknown version is said to be unknown
  const sameLine = fixedIn.find((fixed) => compare(numbersOf(fixed).slice(0, 2), numbers.slice(0, 2)) === 0);
  return compare(numbers, numbersOf(sameLine ?? (fixedIn.at(-1) as string))) >= 0;
}

function numbersOf(version: string): number[] {
  return version.split('.').slice(0, 3).map(Number);
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
