import { readFileSync } from 'node:fs';

/** The cells of a table's rows, as they are written. @param heading how its first line begins */
export function readTable(path: string, heading: string): string[][] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const rows: string[][] = [];
  for (const line of lines.slice(lines.findIndex((one) => one.startsWith(heading)) + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(line.split('|').slice(1, -1));
  }
  return rows;
}

export function textOf(cell: string): string {
  return cell.replaceAll('`', '').trim();
}

/** What each piece of code of a cell begins with: `pause` and `resume` of `pause(queue)`, `resume(queue)`. */
export function namesOf(cell: string): string[] {
  return [...cell.matchAll(/`(\w+)[^`]*`/g)].map(([, name]) => name);
}
