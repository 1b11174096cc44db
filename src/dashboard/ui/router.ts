import { computed, signal } from '@preact/signals';

/** The whole state of a page: what the query string says. A link to it shows the same again. */
export type Place = Readonly<Record<string, string | undefined>>;

const query = signal(location.search);

export const place = computed<Place>(() => Object.fromEntries(new URLSearchParams(query.value)));

/** What is shown; the page that `place` names by what it carries. */
export const page = computed(() => {
  const { view, queue, job, schedule } = place.value;
  if (queue && job) return 'job';
  if (queue && schedule) return 'schedule';
  return view ?? (queue ? 'queue' : 'overview');
});

addEventListener('popstate', () => (query.value = location.search));

/** Relative to `<base>`, so that it works below any prefix. */
export function hrefOf(to: Place): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(to)) if (value !== undefined && value !== '') params.set(key, value);
  const found = params.toString();
  return found === '' ? './' : `?${found}`;
}

/** @param how `replace`: no step of its own in the history, as for a filter that is being refined */
export function go(to: Place, how: 'push' | 'replace' = 'push'): void {
  const url = new URL(hrefOf(to), document.baseURI);
  if (url.search === location.search) return;
  history[how === 'push' ? 'pushState' : 'replaceState'](undefined, '', url);
  query.value = url.search;
  if (how === 'push') scrollTo(0, 0);
}

/** Changes some of what the place says and keeps the rest. */
export function refine(change: Place, how: 'push' | 'replace' = 'replace'): void {
  go({ ...place.value, ...change }, how);
}
