import { signal } from '@preact/signals';
import type { ActionName, Actions } from '../wire.js';
import { act, type ApiFailure } from './api.js';
import type { Place } from './router.js';

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  to?: Place | undefined;
}

const SHOWN_MS = 7000;
let last = 0;

/** Outcomes of what was done, newest last. Those that are bad stay until they are closed. */
export const toasts = signal<readonly Toast[]>([]);

export function toast(message: string, { bad = false, to }: { bad?: boolean; to?: Place } = {}): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-3), { id, text: message, bad, to }];
  if (!bad) setTimeout(() => closeToast(id), SHOWN_MS);
}

export function closeToast(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/** Does it, and says what became of it. @returns undefined when it failed */
export async function perform<N extends ActionName>(
  name: N,
  body: Actions[N]['body'],
  outcome: (answer: Actions[N]['answer']) => string | { text: string; bad?: boolean; to?: Place },
): Promise<Actions[N]['answer'] | undefined> {
  try {
    const answer = await act(name, body);
    const said = outcome(answer);
    if (typeof said === 'string') toast(said);
    else toast(said.text, said);
    return answer;
  } catch (error) {
    toast((error as ApiFailure).message, { bad: true });
    return undefined;
  }
}
