import type { Limits } from '../../wire-models.js';
import { formatDuration, formatNumber } from '../format.js';
import { text } from '../text.js';

/** @returns undefined where nothing is limited */
export function limitsText(limits: Limits | undefined | null): string | undefined {
  const parts: string[] = [];
  if (limits?.concurrency !== undefined) parts.push(text.atOnce(formatNumber(limits.concurrency)));
  if (limits?.rate) parts.push(text.rateNote(formatNumber(limits.rate.limit), perText(limits.rate.per)));
  return parts.length === 0 ? undefined : parts.join(' ');
}

function perText(per: number | string): string {
  return typeof per === 'number' ? formatDuration(per) : per;
}
