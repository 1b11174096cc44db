import type { History, HistoryPoint } from '../../wire-models.js';
import { HeatMap } from '../charts/heat-map.js';
import { TimeChart, type Series } from '../charts/time-chart.js';
import { formatDuration, formatNumber, formatShort } from '../format.js';
import { Empty, Waiting } from '../parts/states.js';
import { useReading } from '../reading.js';
import { place, refine } from '../router.js';
import { serverNow } from '../session.js';
import { sumSpreads, thin } from '../spread.js';
import { text } from '../text.js';

const HOUR_MS = 3_600_000;
const SPANS = { '1h': HOUR_MS, '8h': 8 * HOUR_MS, '3d': 72 * HOUR_MS, '30d': 720 * HOUR_MS };
type Span = keyof typeof SPANS;
const MOST_COLUMNS = 120;
/** A point of the last minute is under way. */
const AGAIN_MS = 30_000;

/** How a queue fared: outcomes, waiting and running times, per job name, with deploys. */
export function QueueHistory({ queue }: { queue: string }) {
  const { span: wanted = '8h', name } = place.value;
  const span = wanted in SPANS ? (wanted as Span) : '8h';
  // By the minute, so that a redraw asks for the same.
  const from = Math.floor((serverNow() - SPANS[span]) / 60_000) * 60_000;
  const reading = useReading('history', { queue, from, ...(name && { name }) }, { everyMs: AGAIN_MS, keep: true });
  const { data } = reading;
  return (
    <>
      <div class="list-bar">
        <span class="segments" role="group" aria-label={text.span}>
          {(Object.keys(SPANS) as Span[]).map((one) => (
            <button
              key={one}
              type="button"
              class="small"
              aria-pressed={one === span}
              onClick={() => refine({ span: one })}
            >
              {text.spans[one]}
            </button>
          ))}
        </span>
        <label>
          {text.name}{' '}
          <select value={name ?? ''} onChange={(event) => refine({ name: event.currentTarget.value })}>
            <option value="">{text.allNames}</option>
            {(data?.names ?? []).map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
      </div>
      {data === undefined ? <Waiting of={reading} /> : <Charts history={data} />}
    </>
  );
}

function Charts({ history }: { history: History }) {
  const { boundsMs, deploys } = history;
  if (history.points.every((point) => COUNTS.every(({ key }) => point[key] === 0))) {
    return <Empty title={text.noHistory}>{text.noHistoryHint}</Empty>;
  }
  const points = thin(history.points, MOST_COLUMNS, boundsMs);
  const stepMs = points.length > 1 ? points[1].at - points[0].at : history.stepMs;
  const chart = {
    at: points.map(({ at }) => at),
    stepMs,
    marks: deploys.map(({ at, version }) => ({ at, label: version })),
  };
  return (
    <>
      <Summaries history={history} />
      <div class="charts">
        <div class="panel">
          <TimeChart {...chart} title={text.outcomesChart} format={formatShort} series={outcomesOf(points)} />
        </div>
        <div class="panel">
          <TimeChart {...chart} title={text.waitChart} format={formatDuration} series={percentilesOf(points, 'wait')} />
        </div>
        <div class="panel">
          <TimeChart {...chart} title={text.runChart} format={formatDuration} series={percentilesOf(points, 'run')} />
        </div>
        <div class="panel">
          <HeatMap title={text.heatTitle} of="run" points={points} stepMs={stepMs} boundsMs={boundsMs} />
        </div>
      </div>
    </>
  );
}

const COUNTS = [
  { key: 'completed', area: true },
  { key: 'retried' },
  { key: 'dead' },
  { key: 'cancelled' },
  { key: 'released' },
  { key: 'lost' },
  { key: 'snoozed' },
] as const;

function outcomesOf(points: readonly HistoryPoint[]): Series[] {
  return COUNTS.filter(({ key }) => key === 'completed' || points.some((point) => point[key] > 0)).map((count) => ({
    ...count,
    label: text.outcomeNames[count.key],
    values: points.map((point) => point[count.key]),
  }));
}

function percentilesOf(points: readonly HistoryPoint[], of: 'wait' | 'run'): Series[] {
  return (['p50', 'p95', 'p99'] as const).map((key) => ({
    key,
    label: key,
    values: points.map((point) => point[of]?.[`${key}Ms`]),
  }));
}

/** The whole span in numbers; with deploys, the time before the last one beside the time since. */
function Summaries({ history: { points, boundsMs, deploys } }: { history: History }) {
  const last = deploys.at(-1);
  const parts: [string, HistoryPoint[]][] = [[text.wholeSpan, points]];
  if (last && points[0] && last.at > points[0].at) {
    parts.push([text.before(last.version), points.filter(({ at }) => at < last.at)]);
    parts.push([text.sinceVersion(last.version), points.filter(({ at }) => at >= last.at)]);
  }
  const sum = (part: HistoryPoint[], key: 'completed' | 'dead' | 'retried'): string =>
    formatNumber(part.reduce((total, point) => total + point[key], 0));
  return (
    <div class="panel flush">
      <div class="scroll" role="group" aria-label={text.summary} tabIndex={0}>
        <table>
          <caption class="offscreen">{text.summary}</caption>
          <thead>
            <tr>
              <th scope="col">{text.span}</th>
              <th scope="col" class="right">
                {text.outcomeNames.completed}
              </th>
              <th scope="col" class="right">
                {text.outcomeNames.retried}
              </th>
              <th scope="col" class="right">
                {text.outcomeNames.dead}
              </th>
              <th scope="col" class="right">
                {text.waitTimes} p50 · p95 · p99
              </th>
              <th scope="col" class="right">
                {text.runTimes} p50 · p95 · p99
              </th>
            </tr>
          </thead>
          <tbody>
            {parts.map(([title, part]) => (
              <tr key={title}>
                <th scope="row">{title}</th>
                <td class="right num">{sum(part, 'completed')}</td>
                <td class="right num">{sum(part, 'retried')}</td>
                <td class="right num">{sum(part, 'dead')}</td>
                {(['wait', 'run'] as const).map((of) => {
                  const spread = sumSpreads(part, of, boundsMs);
                  return (
                    <td key={of} class="right num nowrap">
                      {spread ? [spread.p50Ms, spread.p95Ms, spread.p99Ms].map(formatDuration).join(' · ') : '–'}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
