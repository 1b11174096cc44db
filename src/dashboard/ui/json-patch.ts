import type { PatchStep } from '../wire-models.js';

/**
 * What turns one JSON value into another, as JSON Patch. Fields that were left as they are do not appear: what was shown
 * redacted keeps its real value.
 */
export function diff(before: unknown, after: unknown, path = ''): PatchStep[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return diffArrays(before, after, path);
  if (isRecord(before) && isRecord(after)) return diffRecords(before, after, path);
  return [{ op: 'replace', path, value: after }];
}

function diffArrays(before: unknown[], after: unknown[], path: string): PatchStep[] {
  const shared = Math.min(before.length, after.length);
  const steps: PatchStep[] = [];
  for (let index = 0; index < shared; index++) steps.push(...diff(before[index], after[index], `${path}/${index}`));
  for (let index = before.length - 1; index >= shared; index--) steps.push({ op: 'remove', path: `${path}/${index}` });
  for (const value of after.slice(shared)) steps.push({ op: 'add', path: `${path}/-`, value });
  return steps;
}

function diffRecords(before: Record<string, unknown>, after: Record<string, unknown>, path: string): PatchStep[] {
  const steps: PatchStep[] = [];
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) steps.push({ op: 'remove', path: `${path}/${escape(key)}` });
  }
  for (const [key, value] of Object.entries(after)) {
    const at = `${path}/${escape(key)}`;
    if (Object.hasOwn(before, key)) steps.push(...diff(before[key], value, at));
    else steps.push({ op: 'add', path: at, value });
  }
  return steps;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escape(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
