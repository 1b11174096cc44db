/** What holds a queue back over all processes, in engine units. */
export interface QueueLimits {
  /** Jobs that run at once in all processes together. */
  running?: number | undefined;
  rate?: RateLimit | undefined;
  /** What holds each of its groups back, where the group has no rule of its own. */
  groups?: GroupLimits | undefined;
}

/** Of every group by itself. */
export interface GroupLimits {
  running?: number | undefined;
  rate?: RateLimit | undefined;
  /** A share of the time that jobs run, not of their number. */
  byTime: boolean;
}

/** At most `limit` starts in every window of `perMs`. */
export interface RateLimit {
  limit: number;
  perMs: number;
  /** Starts are spaced evenly. */
  smooth: boolean;
}

export type DeclarationAnswer = 'changed' | 'same' | 'outdated';

const GROUPS = ' | ';

/**
 * As the store keeps them: `running limit per smooth`, `-` for what is not limited; where groups are limited, behind it
 * ` | running limit per smooth byTime`. Without limits the empty text.
 */
export function encodeLimits(limits: QueueLimits | undefined): string {
  if (limits === undefined) return '';
  const { groups } = limits;
  return partOf(limits) + (groups === undefined ? '' : `${GROUPS}${partOf(groups)} ${groups.byTime ? 1 : 0}`);
}

function partOf({ running, rate }: Pick<QueueLimits, 'running' | 'rate'>): string {
  return `${running ?? '-'} ${rate?.limit ?? '-'} ${rate?.perMs ?? '-'} ${rate?.smooth ? 1 : 0}`;
}

export function decodeLimits(text: string): QueueLimits | undefined {
  if (text === '') return undefined;
  const [own, groups] = text.split(GROUPS);
  if (groups === undefined) return readPart(own);
  return { ...readPart(own), groups: { ...readPart(groups), byTime: groups.split(' ')[4] === '1' } };
}

function readPart(text: string): Pick<QueueLimits, 'running' | 'rate'> {
  const [running, limit, perMs, smooth] = text.split(' ');
  return {
    running: running === '-' ? undefined : Number(running),
    rate: limit === '-' ? undefined : { limit: Number(limit), perMs: Number(perMs), smooth: smooth === '1' },
  };
}
