import type { ComponentChildren } from 'preact';
import type { ApiFailure } from '../api.js';
import { formatNumber, formatShort } from '../format.js';
import type { Reading } from '../reading.js';
import { text } from '../text.js';

/** A state of a job, a schedule or an operation: a coloured dot and its word. */
export function State({ of, label }: { of: string; label?: string }) {
  return (
    <span class={`state s-${of}`}>
      <i aria-hidden="true" />
      {label ?? text.states[of as keyof typeof text.states] ?? of}
    </span>
  );
}

export function Badge({
  kind = 'plain',
  children,
}: {
  kind?: 'plain' | 'warn' | 'bad' | 'good';
  children: ComponentChildren;
}) {
  return <span class={`badge ${kind}`}>{children}</span>;
}

/** Short where it is large; the whole number is the title. */
export function Count({ of, dim = true }: { of: number; dim?: boolean }) {
  return (
    <span class={of === 0 && dim ? 'num zero' : 'num'} title={of >= 10_000 ? formatNumber(of) : undefined}>
      {formatShort(of)}
    </span>
  );
}

/** Nothing is there: says why, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <div class="muted">{children}</div>}
    </div>
  );
}

export function FailureNote({ failure, onRetry }: { failure: ApiFailure; onRetry?: () => unknown }) {
  return (
    <div class="note bad" role="alert">
      <p>
        {failure.message} <code>{failure.code}</code>
      </p>
      {onRetry && (
        <button type="button" onClick={() => void onRetry()}>
          {text.again}
        </button>
      )}
    </div>
  );
}

/** What stands in for an answer that is under way or did not come. */
export function Waiting({ of }: { of: Reading<unknown> }) {
  if (of.failure) return <FailureNote failure={of.failure} onRetry={of.reload} />;
  return (
    <div class="waiting" role="status">
      {text.loading}
    </div>
  );
}
