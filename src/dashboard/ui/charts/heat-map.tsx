import { useEffect, useRef, useState } from 'preact/hooks';
import type { History } from '../../wire-models.js';
import { formatClock, formatDay, formatDuration, formatNumber } from '../format.js';
import { text } from '../text.js';
import { theme } from '../theme.js';
import { timeLabels, useWidth } from './scale.js';

const HEIGHT = 190;
const PAD = { top: 4, right: 8, bottom: 20, left: 52 };

interface HeatMapProps {
  title: string;
  of: 'run' | 'wait';
  points: History['points'];
  stepMs: number;
  boundsMs: readonly number[];
}

/** How long jobs took, over time: each column is a distribution, darker where more jobs fell. */
export function HeatMap({ title, of, points, stepMs, boundsMs }: HeatMapProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(box);
  const [picked, setPicked] = useState<string | undefined>(undefined);
  const [low, high] = rangeOf(points, of);
  const rows = high - low + 1;
  const rowHeight = (HEIGHT - PAD.top - PAD.bottom) / rows;
  const columnWidth = (width - PAD.left - PAD.right) / Math.max(1, points.length);
  const from = points[0]?.at ?? 0;
  const to = from + stepMs * Math.max(1, points.length);
  const label = to - from > 86_400_000 ? formatDay : formatClock;

  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!canvas.current || !context) return;
    const scale = devicePixelRatio || 1;
    canvas.current.width = width * scale;
    canvas.current.height = HEIGHT * scale;
    context.scale(scale, scale);
    const most = Math.max(1, ...points.flatMap((point) => point[of]?.buckets ?? []));
    context.fillStyle = getComputedStyle(canvas.current).color;
    points.forEach((point, column) => {
      point[of]?.buckets.forEach((count, bucket) => {
        if (count === 0) return;
        context.globalAlpha = 0.14 + 0.86 * Math.sqrt(count / most);
        const top = PAD.top + (high - bucket) * rowHeight;
        context.fillRect(
          PAD.left + column * columnWidth,
          top,
          Math.max(1, columnWidth - 1),
          Math.max(1, rowHeight - 1),
        );
      });
    });
  }, [points, width, of, low, high, theme.value]);

  const onMove = (event: PointerEvent): void => {
    const { left, top } = (event.currentTarget as Element).getBoundingClientRect();
    const point = points[Math.floor((event.clientX - left - PAD.left) / columnWidth)];
    const bucket = high - Math.floor((event.clientY - top - PAD.top) / rowHeight);
    const count = point?.[of]?.buckets[bucket];
    setPicked(
      point && count ? text.heatCell(formatNumber(count), boundOf(boundsMs, bucket), formatDay(point.at)) : undefined,
    );
  };
  return (
    <figure class="chart heat" ref={box}>
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="legend muted">{picked ?? text.heatHint}</span>
      </figcaption>
      <div class="heat-box" onPointerMove={onMove} onPointerLeave={() => setPicked(undefined)}>
        <canvas ref={canvas} aria-hidden="true" />
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
          {Array.from({ length: rows }, (_, row) => row)
            .filter((row) => row % Math.ceil(rows / 6) === 0)
            .map((row) => (
              <text
                key={row}
                class="axis end"
                x={PAD.left - 8}
                y={HEIGHT - PAD.bottom - row * rowHeight - rowHeight / 2 + 4}
              >
                {boundOf(boundsMs, low + row)}
              </text>
            ))}
          {timeLabels(from, to, width - PAD.left - PAD.right).map((instant) => (
            <text
              key={instant}
              class="axis mid"
              x={PAD.left + ((instant - from) / (to - from)) * (width - PAD.left - PAD.right)}
              y={HEIGHT - 4}
            >
              {label(instant)}
            </text>
          ))}
        </svg>
      </div>
      <Twin title={title} of={of} points={points} boundsMs={boundsMs} />
    </figure>
  );
}

/** The whole span as a table, for those who cannot see the picture; the chart of percentiles has the course of it. */
function Twin({ title, of, points, boundsMs }: Pick<HeatMapProps, 'title' | 'of' | 'points' | 'boundsMs'>) {
  const [low, high] = rangeOf(points, of);
  const rows = Array.from({ length: high - low + 1 }, (_, row) => ({
    bucket: low + row,
    count: points.reduce((sum, point) => sum + (point[of]?.buckets[low + row] ?? 0), 0),
  }));
  return (
    <details class="twin">
      <summary>{text.asTable}</summary>
      <div class="scroll" role="group" aria-label={title} tabIndex={0}>
        <table>
          <caption class="offscreen">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{text.upTo}</th>
              <th scope="col" class="right">
                {text.jobs}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows
              .filter(({ count }) => count > 0)
              .map(({ bucket, count }) => (
                <tr key={bucket}>
                  <th scope="row">{boundOf(boundsMs, bucket)}</th>
                  <td class="right num">{formatNumber(count)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** The buckets that have anything, and one beside them. */
function rangeOf(points: History['points'], of: 'run' | 'wait'): [number, number] {
  let low = Infinity;
  let high = -1;
  for (const point of points) {
    point[of]?.buckets.forEach((count, bucket) => {
      if (count === 0) return;
      low = Math.min(low, bucket);
      high = Math.max(high, bucket);
    });
  }
  return high < 0 ? [0, 7] : [Math.max(0, low - 1), Math.max(high + 1, low + 4)];
}

function boundOf(boundsMs: readonly number[], bucket: number): string {
  const bound = boundsMs[bucket];
  return bound === undefined ? `> ${formatDuration(boundsMs.at(-1) ?? 0)}` : formatDuration(bound);
}
