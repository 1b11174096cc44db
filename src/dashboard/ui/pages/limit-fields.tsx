import type { Limits } from '../../wire-models.js';
import { text } from '../text.js';

interface FieldsProps {
  limits: Limits | undefined;
  onChange: (limits: Limits) => void;
}

/** The fields of limits; what is empty is left out. */
export function LimitFields({ limits, onChange }: FieldsProps) {
  const { concurrency, rate } = limits ?? {};
  const per = rate && (typeof rate.per === 'string' ? rate.per : durationOf(rate.per));
  const change = (next: { concurrency?: string; limit?: string; per?: string; smooth?: boolean }): void => {
    const atOnce = next.concurrency ?? (concurrency === undefined ? '' : String(concurrency));
    const limit = next.limit ?? (rate === undefined ? '' : String(rate.limit));
    const given = next.per ?? per ?? '1s';
    const smooth = next.smooth ?? rate?.smooth ?? false;
    onChange({
      ...(atOnce !== '' && { concurrency: Number(atOnce) }),
      ...(limit !== '' && { rate: { limit: Number(limit), per: given, ...(smooth && { smooth }) } }),
    });
  };
  return (
    <div class="fields">
      <label class="field">
        {text.concurrencyField}
        <input
          type="number"
          min="1"
          value={concurrency ?? ''}
          onInput={(event) => change({ concurrency: event.currentTarget.value })}
        />
      </label>
      <label class="field">
        {text.rateLimitField}
        <input
          type="number"
          min="1"
          value={rate?.limit ?? ''}
          onInput={(event) => change({ limit: event.currentTarget.value })}
        />
      </label>
      <label class="field">
        {text.perField}
        <input
          value={per ?? ''}
          placeholder="1s"
          disabled={!rate}
          onInput={(event) => change({ per: event.currentTarget.value })}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={rate?.smooth ?? false}
          disabled={!rate}
          onChange={(event) => change({ smooth: event.currentTarget.checked })}
        />{' '}
        {text.smooth}
      </label>
    </div>
  );
}

/** As options take it. */
function durationOf(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
