import { signal } from '@preact/signals';
import { go, place } from './router.js';
import { recall, remember } from './stored.js';
import { switchTheme } from './theme.js';

export const helpOpen = signal(false);
/** Single keys can be in the way of speech input: they can be switched off. */
export const keysOn = signal(recall('keys') !== 'off');

export function setKeys(on: boolean): void {
  keysOn.value = on;
  remember('keys', on ? undefined : 'off');
}

let prefix = false;

const GOES: Record<string, string | undefined> = {
  o: undefined,
  s: 'schedules',
  b: 'bulks',
  p: 'processes',
  d: 'doctor',
};

export function startShortcuts(): void {
  addEventListener('keydown', (event) => {
    if (!keysOn.value || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    if (prefix) {
      prefix = false;
      if (event.key in GOES) {
        event.preventDefault();
        go({ view: GOES[event.key] });
      }
      return;
    }
    const act = ACTS[event.key];
    if (act === undefined) return;
    if (act(event) !== false) event.preventDefault();
  });
}

const ACTS: Record<string, ((event: KeyboardEvent) => unknown) | undefined> = {
  g: () => {
    prefix = true;
    setTimeout(() => (prefix = false), 1500);
  },
  '?': () => (helpOpen.value = true),
  '/': () => focusOn('[data-filter]'),
  t: () => switchTheme(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  x: () => rowOf(document.activeElement)?.querySelector<HTMLInputElement>('input[type=checkbox]')?.click() ?? false,
  u: () => {
    const { queue, job, schedule } = place.value;
    if (queue && job) go({ queue });
    else if (schedule) go({ view: 'schedules' });
    else go({});
  },
};

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select');
}

function focusOn(selector: string): boolean {
  const found = document.querySelector<HTMLElement>(selector);
  found?.focus();
  return found !== null;
}

function rowOf(element: Element | null): Element | null {
  return element?.closest('tr') ?? null;
}

function moveRow(step: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.findIndex((row) => rowOf(row) !== null && rowOf(row) === rowOf(document.activeElement));
  const next = rows[at < 0 ? 0 : at + step];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
  return next !== undefined;
}
