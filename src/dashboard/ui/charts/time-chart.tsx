import { useRef, useState } from 'preact/hooks';
import { formatClock, formatDay } from '../format.js';
import { text } from '../text.js';
import { ticksTo, timeLabels, useWidth } from './scale.js';

export interface Series {
  key: string;
  label: string;
  /** One for each instant; undefined: nothing is known. */
  values: readonly (number | undefined)[];
  area?: boolean;
}

interface TimeChartProps {
  title: string;
  at: readonly number[];
  stepMs: number;
  series: readonly Series[];
  format: (value: number) => string;
  marks?: readonly { at: number; label: string }[];
}

const HEIGHT = 170;
const PAD = { top: 8, right: 8, bottom: 20, left: 52 };

/** Lines or areas over time, with what the pointer is at, and a table of the same for those who cannot see it. */
export function TimeChart({ title, at, stepMs, series, format, marks = [] }: TimeChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [picked, setPicked] = useState<number | undefined>(undefined);
  const from = at[0] ?? 0;
  const to = Math.max(from + stepMs, at.at(-1) ?? 0);
  const most = Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const ticks = ticksTo(most);
  const top = ticks.at(-1) || 1;
  const right = width - PAD.right;
  const x = (instant: number): number => PAD.left + ((instant - from) / (to - from)) * (right - PAD.left);
  const y = (value: number): number => HEIGHT - PAD.bottom - (value / top) * (HEIGHT - PAD.top - PAD.bottom);
  const label = to - from > 86_400_000 ? formatDay : formatClock;

  const onMove = (event: PointerEvent): void => {
    const { left } = (event.currentTarget as Element).getBoundingClientRect();
    const instant = from + ((event.clientX - left - PAD.left) / (right - PAD.left)) * (to - from);
    setPicked(Math.min(at.length - 1, Math.max(0, Math.round((instant - from) / stepMs))));
  };
  return (
    <figure class="chart" ref={box}>
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="legend">
          {series.map(({ key, label: name, values }) => (
            <span key={key}>
              <i class={`swatch c-${key}`} aria-hidden="true" />
              {name}
              {picked !== undefined && (
                <b class="num"> {values[picked] === undefined ? '–' : format(values[picked])}</b>
              )}
            </span>
          ))}
          {picked !== undefined && <span class="num muted">{formatDay(at[picked])}</span>}
        </span>
      </figcaption>
      <svg
        width={width}
        height={HEIGHT}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        aria-hidden="true"
        onPointerMove={onMove}
        onPointerLeave={() => setPicked(undefined)}
      >
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={PAD.left} x2={right} y1={y(tick)} y2={y(tick)} />
            <text class="axis end" x={PAD.left - 8} y={y(tick) + 4}>
              {format(tick)}
            </text>
          </g>
        ))}
        {timeLabels(from, to, right - PAD.left).map((instant) => (
          <text key={instant} class="axis mid" x={x(instant)} y={HEIGHT - 4}>
            {label(instant)}
          </text>
        ))}
        {marks.map((mark) => (
          <g key={mark.at} class="deploy">
            <line x1={x(mark.at)} x2={x(mark.at)} y1={PAD.top} y2={HEIGHT - PAD.bottom} />
            <text class="axis" x={x(mark.at) + 4} y={PAD.top + 8}>
              {mark.label}
            </text>
          </g>
        ))}
        {series.map(({ key, values, area }) => (
          <g key={key} class={`line c-${key}`}>
            {area && <path class="fill" d={areaOf(values, at, x, y)} />}
            <path class="stroke" d={pathOf(values, at, x, y)} />
          </g>
        ))}
        {picked !== undefined && (
          <line class="cross" x1={x(at[picked])} x2={x(at[picked])} y1={PAD.top} y2={HEIGHT - PAD.bottom} />
        )}
      </svg>
      <Twin title={title} at={at} series={series} format={format} />
    </figure>
  );
}

function Twin({ title, at, series, format }: Pick<TimeChartProps, 'title' | 'at' | 'series' | 'format'>) {
  const [open, setOpen] = useState(false);
  const rows = at
    .map((instant, index) => ({ instant, index }))
    .filter(({ index }) => series.some(({ values }) => values[index]))
    .reverse()
    .slice(0, 200);
  return (
    <details class="twin" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text.asTable}</summary>
      {open && (
        <div class="scroll" role="group" aria-label={title} tabIndex={0}>
          <table>
            <caption class="offscreen">{title}</caption>
            <thead>
              <tr>
                <th scope="col">{text.time}</th>
                {series.map(({ key, label }) => (
                  <th scope="col" class="right" key={key}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ instant, index }) => (
                <tr key={instant}>
                  <th scope="row">{formatDay(instant)}</th>
                  {series.map(({ key, values }) => (
                    <td class="right num" key={key}>
                      {values[index] === undefined ? '–' : format(values[index])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

type Scale = (value: number) => number;

function pathOf(values: Series['values'], at: readonly number[], x: Scale, y: Scale): string {
  let path = '';
  let pen = false;
  values.forEach((value, index) => {
    if (value !== undefined) path += `${pen ? 'L' : 'M'}${x(at[index]).toFixed(1)} ${y(value).toFixed(1)}`;
    // A lone value is a dot, drawn by a round line cap.
    if (value !== undefined && !pen && values[index + 1] === undefined) path += 'h0.1';
    pen = value !== undefined;
  });
  return path;
}

function areaOf(values: Series['values'], at: readonly number[], x: Scale, y: Scale): string {
  if (at.length === 0) return '';
  const line = values.map((value, index) => `L${x(at[index]).toFixed(1)} ${y(value ?? 0).toFixed(1)}`).join('');
  return `M${x(at[0]).toFixed(1)} ${y(0)}${line}L${x(at.at(-1)!).toFixed(1)} ${y(0)}Z`;
}
