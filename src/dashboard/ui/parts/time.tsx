import { signal } from '@preact/signals';
import { formatDuration, formatElapsed, formatInstant, formatRelative } from '../format.js';
import { serverNow } from '../session.js';

/** Counts on while somebody looks: what is relative to it is drawn again. */
export const now = signal(serverNow());

setInterval(() => {
  if (!document.hidden) now.value = serverNow();
}, 1000);

/** "5 min. ago", and the instant as a title. */
export function Ago({ at }: { at: number | undefined }) {
  if (at === undefined) return <span class="muted">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={formatInstant(at)}>
      {formatRelative(at, Math.max(now.value, serverNow() - 1000))}
    </time>
  );
}

/** How long ago it began, counting. */
export function Since({ at }: { at: number }) {
  return <time title={formatInstant(at)}>{formatElapsed(now.value - at)}</time>;
}

export function Instant({ at }: { at: number }) {
  return <time dateTime={new Date(at).toISOString()}>{formatInstant(at)}</time>;
}

export function Duration({ ms }: { ms: number | undefined }) {
  return ms === undefined ? <span class="muted">–</span> : <span class="num">{formatDuration(ms)}</span>;
}
