import { signal } from '@preact/signals';
import { recall, remember } from './stored.js';

export type Theme = 'light' | 'dark' | 'system';

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const stored = recall('theme');

/** `system`: as the browser prefers. */
export const theme = signal<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system');

export function applyTheme(): void {
  const { dataset } = document.documentElement;
  if (theme.value === 'system') delete dataset.theme;
  else dataset.theme = theme.value;
}

export function switchTheme(): Theme {
  theme.value = NEXT[theme.value];
  remember('theme', theme.value === 'system' ? undefined : theme.value);
  applyTheme();
  return theme.value;
}
