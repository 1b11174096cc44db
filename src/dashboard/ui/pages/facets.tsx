import { useEffect, useState } from 'preact/hooks';
import { formatNumber, formatPercent } from '../format.js';
import { FailureNote } from '../parts/states.js';
import { useReading } from '../reading.js';
import { refine } from '../router.js';
import { text } from '../text.js';
import { termOf } from '../where.js';

interface FacetsProps {
  queue: string;
  where: string;
  path: string;
  onTerm: (term: string) => void;
}

/** Which values a field has among the newest jobs, and how many jobs have each. */
export function Facets({ queue, where, path, onTerm }: FacetsProps) {
  const facets = useReading('facets', { queue, where, path }, { off: path === '' });
  const [typed, setTyped] = useState(path);
  useEffect(() => setTyped(path), [path]);
  const { values = [], looked = 0, complete = true } = facets.data ?? {};
  const most = Math.max(1, ...values.map(({ count }) => count));
  return (
    <section class="panel facets" aria-label={text.facets}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          refine({ facets: typed.trim() });
        }}
      >
        <label>
          {text.facetPath}{' '}
          <input
            class="mono"
            list="facet-paths"
            value={typed}
            spellcheck={false}
            autocapitalize="off"
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <datalist id="facet-paths">
          {['name', 'error', 'reason', 'group', 'payload.'].map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <button type="submit" class="small">
          {text.count}
        </button>
        <span class="muted" role="status">
          {facets.data ? text.looked(formatNumber(looked), complete) : facets.loading ? text.counting : ''}
        </span>
      </form>
      {facets.failure && <FailureNote failure={facets.failure} onRetry={facets.reload} />}
      <ul class="bars">
        {values.map(({ value, count }) => (
          <li key={value}>
            <button
              type="button"
              class="bar-row"
              title={text.narrow(value)}
              onClick={() => onTerm(termOf(path, value))}
            >
              <span class="bar-name">{value}</span>
              <progress max={most} value={count} aria-hidden="true" />
              <span class="num">{formatNumber(count)}</span>
              <span class="num muted">{formatPercent(count / Math.max(1, looked))}</span>
            </button>
          </li>
        ))}
      </ul>
      {facets.data && values.length === 0 && <p class="muted">{text.noValues}</p>}
    </section>
  );
}
