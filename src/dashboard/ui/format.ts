import { text } from './text.js';

let locale: string | undefined;
let formats = make();

function make() {
  return {
    number: new Intl.NumberFormat(locale),
    short: new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }),
    brief: new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 }),
    decimal: new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }),
    percent: new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }),
    instant: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }),
    clock: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }),
    day: new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }),
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'always', style: 'short' }),
  };
}

/** @param wanted of the server's options; undefined: the browser's own. An unknown one is the browser's, too. */
export function setLocale(wanted: string | undefined): void {
  try {
    locale = wanted === undefined ? undefined : Intl.getCanonicalLocales(wanted)[0];
    formats = make();
  } catch {
    locale = undefined;
  }
  document.documentElement.lang = 'en';
}

export const formatNumber = (value: number): string => formats.number.format(value);
/** 12.3K; the whole number belongs into a title. */
export const formatShort = (value: number): string =>
  value < 10_000 ? formats.number.format(value) : formats.short.format(value);
/** A small rate must not look like none. */
export const formatRate = (value: number): string =>
  formatShort(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10);
const formatDecimal = (value: number): string => formats.decimal.format(value);
export const formatPercent = (value: number): string => formats.percent.format(value);
export const formatInstant = (at: number): string => formats.instant.format(at);
export const formatClock = (at: number): string => formats.clock.format(at);
export const formatDay = (at: number): string => formats.day.format(at);

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** "5 min. ago", "in 3 hr." */
export function formatRelative(at: number, now: number): string {
  const ms = at - now;
  if (Math.abs(ms) < 1000) return text.now;
  for (const [unit, size] of UNITS) {
    if (Math.abs(ms) >= size) return formats.relative.format(Math.trunc(ms / size), unit);
  }
  return formats.relative.format(Math.trunc(ms / 1000), 'second');
}

/** Unit symbols are the same in all languages that use SI. "1.25 s", "340 ms", "2 h 5 min" */
export function formatDuration(ms: number): string {
  if (ms < 1) return '0 ms';
  if (ms < 1000) return `${formatDecimal(Math.round(ms))} ms`;
  if (ms < 60_000) return `${formatDecimal(ms / 1000)} s`;
  const two = (value: number, unit: string, part: number, small: string) =>
    part === 0 ? `${formatNumber(value)} ${unit}` : `${formatNumber(value)} ${unit} ${part} ${small}`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** One unit and two digits: for narrow columns. "5 min", "3.9 s", "570 ms" */
export function formatBrief(ms: number): string {
  if (ms < 1) return '0 ms';
  if (ms < 1000) return `${formatNumber(Math.round(ms))} ms`;
  if (ms < 10_000) return `${formats.brief.format(ms / 1000)} s`;
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${formatNumber(Math.floor(ms / 86_400_000))} d`;
}

/** How long something lasts already: whole seconds. */
export function formatElapsed(ms: number): string {
  return formatDuration(ms < 1000 ? Math.max(0, ms) : Math.floor(ms / 1000) * 1000);
}

export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size) return `${formatDecimal(bytes / size)} ${unit}`;
  }
  return `${formatNumber(bytes)} B`;
}
