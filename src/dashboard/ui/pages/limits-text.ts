import type { Limits } from '../../wire-models.js';
import type { GroupRule } from '../../wire-operations.js';
import { formatDuration, formatNumber } from '../format.js';
import { text } from '../text.js';

/** @returns undefined where nothing is limited */
export function limitsText(limits: Limits | undefined | null): string | undefined {
  const { groups } = limits ?? {};
  const ofGroups = groups && holdsOf(groups);
  if (groups?.share === 'time') ofGroups?.push(text.sharesTime);
  const parts = [...holdsOf(limits ?? {}), ...(ofGroups?.length ? [text.ofEachGroup(ofGroups.join(' '))] : [])];
  return parts.length === 0 ? undefined : parts.join(' ');
}

/** What was said of one group. @returns undefined for nothing */
export function ruleText(rule: GroupRule | undefined): string | undefined {
  if (rule === undefined) return undefined;
  const parts = holdsOf(rule);
  if (rule.weight !== undefined) parts.push(text.weighs(formatNumber(rule.weight)));
  if (rule.paused) parts.push(text.groupIsPaused);
  return parts.length === 0 ? undefined : parts.join(' ');
}

function holdsOf({ concurrency, rate }: Pick<Limits, 'concurrency' | 'rate'>): string[] {
  const parts: string[] = [];
  if (concurrency !== undefined) parts.push(text.atOnce(formatNumber(concurrency)));
  if (rate) parts.push(text.rateNote(formatNumber(rate.limit), perText(rate.per)));
  return parts;
}

function perText(per: number | string): string {
  return typeof per === 'number' ? formatDuration(per) : per;
}
