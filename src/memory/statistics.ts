import { addCounts, emptyCounts } from '../core/run-counts.js';
import {
  SERIES,
  type Deploy,
  type RunBatch,
  type SeriesName,
  type SeriesSlot,
  type Statistics,
} from '../core/ports/statistics.js';
import { RULES } from '../core/rules.js';
import { OTHER_NAMES } from '../core/run-tally.js';
import type { MemoryConnection } from './connection.js';
import type { RunHistory } from './run-history.js';

const SERIES_NAMES = Object.keys(SERIES) as SeriesName[];

export class MemoryStatistics implements Statistics {
  constructor(private readonly connection: MemoryConnection) {}

  async record(queue: string, { process, sequence, version, startedAt, rows }: RunBatch): Promise<void> {
    const { history } = this.connection.queue(queue);
    if (sequence <= (history.sequences.get(process) ?? 0)) return;
    history.sequences.set(process, sequence);
    const now = this.connection.now();
    for (const { name, counts } of rows) {
      const place = placeFor(history, name, Math.floor(now / SERIES.hours.stepMs));
      for (const series of SERIES_NAMES) {
        const { stepMs, slots } = SERIES[series];
        const slot = Math.floor(now / stepMs);
        const ring = ringOf(history, series, place);
        const sum = ring.get(slot) ?? emptyCounts();
        addCounts(sum, counts.map(Math.round));
        ring.set(slot, sum);
        for (const each of ring.keys()) if (each <= slot - slots) ring.delete(each);
      }
    }
    if (version !== undefined) history.deploys = withDeploy(history.deploys, { at: Math.round(startedAt), version });
  }

  async outline(queue: string): Promise<{ names: string[]; deploys: Deploy[] }> {
    const { history } = this.connection.queue(queue);
    return { names: [...history.names.keys()].sort(), deploys: [...history.deploys] };
  }

  async read(queue: string, name: string, series: SeriesName, from: number, to: number): Promise<SeriesSlot[]> {
    const { history } = this.connection.queue(queue);
    const ring = history.series.get(keyOf(series, name)) ?? new Map<number, Float64Array>();
    const found = [...ring].filter(([slot]) => slot >= from && slot <= to);
    return found.sort(([one], [other]) => one - other).map(([slot, counts]) => ({ slot, counts: counts.slice() }));
  }
}

function keyOf(series: SeriesName, name: string): string {
  return `${series} ${name}`;
}

function ringOf(history: RunHistory, series: SeriesName, name: string): Map<number, Float64Array> {
  const key = keyOf(series, name);
  let ring = history.series.get(key);
  if (ring === undefined) history.series.set(key, (ring = new Map()));
  return ring;
}

/** A name that all its series have outlived makes room for a new one; else the new one counts as `other`. */
function placeFor(history: RunHistory, name: string, hour: number): string {
  if (name === '') return name;
  const { names, series } = history;
  if (!names.has(name) && names.size >= RULES.mostStatNames) {
    const old = [...names].findLast(([, seen]) => seen < hour - RULES.hourSlots);
    if (old !== undefined) {
      names.delete(old[0]);
      for (const each of SERIES_NAMES) series.delete(keyOf(each, old[0]));
    } else if (name !== OTHER_NAMES) {
      return placeFor(history, OTHER_NAMES, hour);
    }
  }
  names.set(name, hour);
  return name;
}

/** A release is marked where the one before it, by the starts of processes, was another one. */
function withDeploy(deploys: readonly Deploy[], added: Deploy): Deploy[] {
  const next = deploys.findIndex(({ at }) => added.at < at);
  const all = next < 0 ? [...deploys, added] : [...deploys.slice(0, next), added, ...deploys.slice(next)];
  const marks = all.filter(({ version }, index) => all[index - 1]?.version !== version);
  return marks.slice(-RULES.mostDeploys);
}
