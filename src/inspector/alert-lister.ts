import { alertOf, decodeAlert, type FiringAlert } from '../core/alert-record.js';
import type { Alerts } from '../core/ports/alerts.js';

/** Of all apps of the prefix, the one that fires longest first. */
export async function listAlerts(alerts: Alerts): Promise<FiringAlert[]> {
  const stored = await alerts.read();
  const firing = stored.flatMap(({ app, rule, queue, record }): FiringAlert[] => {
    const found = decodeAlert(record);
    if (found?.state !== 'firing') return [];
    const { since, value } = found;
    return [{ app, ...alertOf(rule, queue, { state: 'firing', since, value }), state: 'firing' }];
  });
  return firing.sort((one, other) => one.since.getTime() - other.since.getTime());
}
