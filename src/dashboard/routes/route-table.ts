import { ACTIONS } from './actions.js';
import { READS } from './reads.js';
import type { ActionRoute, ReadRoute, StreamRoute } from './route.js';
import { STREAMS } from './streams.js';

/** One row: a route, and what it needs. Only what is here is registered. */
export type TableRow =
  | { kind: 'page'; method: 'GET'; path: string }
  | { kind: 'asset'; method: 'GET'; path: string }
  | { kind: 'read'; method: 'GET'; path: string; name: string; route: ReadRoute<unknown> }
  | { kind: 'stream'; method: 'GET'; path: string; name: string; route: StreamRoute<object> }
  | { kind: 'action'; method: 'POST'; path: string; name: string; route: ActionRoute<unknown> };

export const ROUTE_TABLE: readonly TableRow[] = [
  ...entries(READS, (name, route): TableRow => ({ kind: 'read', method: 'GET', path: `api/${name}`, name, route })),
  ...entries(STREAMS, (name, route): TableRow => ({
    kind: 'stream',
    method: 'GET',
    path: `api/${name}`,
    name,
    route: route as never,
  })),
  ...entries(ACTIONS, (name, route): TableRow => ({
    kind: 'action',
    method: 'POST',
    path: `api/${name}`,
    name,
    route,
  })),
  { kind: 'asset', method: 'GET', path: 'assets/:name' },
  { kind: 'page', method: 'GET', path: '' },
];

function entries<T extends object>(
  routes: T,
  rowOf: (name: string, route: NonNullable<T[keyof T]>) => TableRow,
): TableRow[] {
  return Object.entries(routes).map(([name, route]) => rowOf(name, route as NonNullable<T[keyof T]>));
}
