import { REDACTED, type Redactor } from '../../core/redactor.js';
import { DashboardError } from '../dashboard-error.js';

/**
 * What people were shown with hidden fields and send back would replace these fields by their marks.
 * @throws DashboardError
 */
export function refuseMarks(value: unknown, redactor: Redactor | undefined): void {
  if (redactor === undefined || !holdsMark(value)) return;
  throw new DashboardError(
    400,
    'DASHBOARD_REDACTED',
    `${REDACTED} stands where a field is hidden, and would replace it. Leave the field out, or give it a value.`,
  );
}

function holdsMark(value: unknown): boolean {
  // Not by recursion: a body may be nested as deep as it is long.
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string' && next.includes(REDACTED)) return true;
    if (typeof next === 'object' && next !== null) left.push(...Object.values(next));
  }
  return false;
}
