import { useEffect, useState } from 'preact/hooks';
import type { RefObject } from 'preact';

/** Round values from 0 to at least `most`: some four lines of a chart. */
export function ticksTo(most: number): number[] {
  const rough = Math.max(most, 1e-9) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const ticks = [];
  for (let value = 0; value < most + step; value += step) ticks.push(value);
  return ticks;
}

/** About one label for each 90 px of time. */
export function timeLabels(from: number, to: number, width: number): number[] {
  const count = Math.max(2, Math.floor(width / 90));
  const sizes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080].map((minutes) => minutes * 60_000);
  const step = sizes.find((size) => (to - from) / size <= count) ?? sizes.at(-1)!;
  const labels = [];
  // A label stands in the middle of its instant: at the ends it would be cut.
  const room = ((to - from) / width) * 26;
  for (let at = Math.ceil((from + room) / step) * step; at <= to - room; at += step) labels.push(at);
  return labels;
}

/** How wide an element is now, px. */
export function useWidth(ref: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(640);
  useEffect(() => {
    if (!ref.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.round(entry.contentRect.width))));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
