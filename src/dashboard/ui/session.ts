import { signal } from '@preact/signals';
import type { DashboardAction, Session } from '../wire.js';
import { ApiFailure, read } from './api.js';
import { setLocale } from './format.js';

/** Who looks, and what they may do; undefined until the server has said it. */
export const session = signal<Session | undefined>(undefined);
export const sessionFailure = signal<ApiFailure | undefined>(undefined);
/** Server time less browser time, ms: ages are right on a machine whose clock is not. */
let skewMs = 0;

export async function startSession(): Promise<void> {
  try {
    const answer = await read('session', {});
    skewMs = answer.at - Date.now();
    setLocale(answer.locale);
    sessionFailure.value = undefined;
    session.value = answer;
  } catch (error) {
    sessionFailure.value = error as ApiFailure;
  }
}

export function may(action: DashboardAction): boolean {
  return session.value?.can.includes(action) ?? false;
}

/** The server's time, ms. */
export function serverNow(): number {
  return Date.now() + skewMs;
}
