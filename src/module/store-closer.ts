import type { Store } from '../core/ports/store.js';
import { until } from './until.js';

/** Part of the second that shutdown may take beyond the grace; the rest went to draining. */
const CLOSE_MS = 100;

/** Closes stores. One that does not close in time, such as one with a thread that hangs, must not keep the app from closing. */
export async function closeStores(...stores: Store[]): Promise<void> {
  await until(performance.now() + CLOSE_MS, Promise.all(stores.map(({ connection }) => connection.close())));
}
