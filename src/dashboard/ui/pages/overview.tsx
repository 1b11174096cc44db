import { useEffect, useRef, useState } from 'preact/hooks';
import type { History, Overview, QueueListing } from '../../wire-models.js';
import { read } from '../api.js';
import { Sparkline } from '../charts/sparkline.js';
import { formatBrief, formatNumber, formatRate, formatShort } from '../format.js';
import { Link } from '../parts/link.js';
import { Heading, Panel, Scroll } from '../parts/panel.js';
import { Badge, Count, Empty, FailureNote } from '../parts/states.js';
import { Ago } from '../parts/time.js';
import { overview, overviewFailure, readBoard } from '../queue-board.js';
import { useEvery } from '../reading.js';
import { place, refine } from '../router.js';
import { serverNow } from '../session.js';
import { sumSpreads, type Summary } from '../spread.js';
import { text } from '../text.js';

const HOUR_MS = 3_600_000;
const SORTS = {
  name: (a, b) => a.queue.localeCompare(b.queue),
  ready: (a, b) => b.counts.ready - a.counts.ready,
  active: (a, b) => b.counts.active - a.counts.active,
  scheduled: (a, b) => b.counts.scheduled - a.counts.scheduled,
  dead: (a, b) => b.counts.dead - a.counts.dead,
} satisfies Record<string, (a: QueueListing, b: QueueListing) => number>;
type Sort = keyof typeof SORTS;

export function OverviewPage() {
  const board = overview.value;
  const failure = overviewFailure.value;
  if (board === undefined) {
    return (
      <>
        <Heading title={text.nav.overview} />
        {failure ? <FailureNote failure={failure} onRetry={readBoard} /> : <p class="waiting">{text.loading}</p>}
      </>
    );
  }
  const sum = (of: (queue: QueueListing) => number): number => board.queues.reduce((total, one) => total + of(one), 0);
  return (
    <>
      <Heading title={text.nav.overview} />
      {failure && <FailureNote failure={failure} onRetry={readBoard} />}
      {board.alerts.length > 0 && <Alerts board={board} />}
      <div class="tiles">
        <Tile name={text.states.ready} value={sum(({ counts }) => counts.ready)} />
        <Tile
          name={text.states.active}
          value={sum(({ counts }) => counts.active)}
          note={text.ofSlots(formatNumber(sum(({ slots }) => slots ?? 0)))}
        />
        <Tile name={text.states.scheduled} value={sum(({ counts }) => counts.scheduled)} />
        <Tile name={text.states.parked} value={sum(({ counts }) => counts.parked)} />
        <Tile name={text.states.dead} value={sum(({ counts }) => counts.dead)} bad />
      </div>
      <QueueTable queues={board.queues} />
    </>
  );
}

/** What fires now. */
function Alerts({ board: { alerts, queues } }: { board: Overview }) {
  const isKnown = (queue: string | undefined): boolean => queues.some((one) => one.queue === queue && one.known);
  return (
    <section class="note bad" aria-label={text.alerts}>
      <ul class="alerts">
        {alerts.map(({ app, rule, queue, since }) => (
          <li key={`${app} ${rule} ${queue}`}>
            <Badge kind="bad">{text.alert}</Badge>{' '}
            {isKnown(queue) ? <Link to={{ queue }}>{rule}</Link> : <strong>{rule}</strong>}{' '}
            <span class="muted">
              {queue !== undefined && `${queue} · `}
              {app} · <Ago at={since} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function QueueTable({ queues }: { queues: readonly QueueListing[] }) {
  const { sort = 'name', only = '' } = place.value;
  const order = SORTS[sort as Sort] ?? SORTS.name;
  const shown = queues
    .filter(({ queue }) => queue.toLowerCase().includes(only.toLowerCase()))
    .sort((a, b) => order(a, b) || SORTS.name(a, b));
  const filter = (
    <input
      type="search"
      data-filter
      aria-label={text.filterQueues}
      placeholder={text.filterQueues}
      value={only}
      onInput={(event) => refine({ only: event.currentTarget.value })}
    />
  );
  return (
    <Panel title={text.queues} class="flush" aside={filter}>
      {shown.length === 0 ? (
        <Empty title={only ? text.noQueueMatches : text.noQueues}>{only ? undefined : text.noQueuesHint}</Empty>
      ) : (
        <Scroll label={text.queues}>
          <table class="queues">
            <thead>
              <tr>
                <SortHead of="name" current={sort} title={text.queue} />
                <th scope="col" class="wide">
                  {text.lastHour}
                </th>
                <SortHead of="ready" current={sort} title={text.states.ready} />
                <SortHead of="active" current={sort} title={text.states.active} />
                <SortHead of="scheduled" current={sort} title={text.states.scheduled} wide />
                <SortHead of="dead" current={sort} title={text.states.dead} />
                <th scope="col" class="right wide">
                  {text.failed}
                </th>
                <Percentiles title={text.waitTimes} />
                <Percentiles title={text.runTimes} />
              </tr>
            </thead>
            <tbody>
              {shown.map((queue) => (
                <QueueRow key={queue.queue} queue={queue} />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}

function Percentiles({ title }: { title: string }) {
  return (
    <th scope="col" class="right wide">
      {title} <span class="muted">p50 · p95 · p99</span>
    </th>
  );
}

function SortHead({ of, current, title, wide }: { of: Sort; current: string; title: string; wide?: boolean }) {
  const sorted = of === current;
  const direction = of === 'name' ? 'ascending' : 'descending';
  return (
    <th
      scope="col"
      class={`${of === 'name' ? '' : 'right'} ${wide ? 'wide' : ''}`}
      aria-sort={sorted ? direction : undefined}
    >
      <button type="button" class="sort" onClick={() => refine({ sort: of === 'name' ? undefined : of })}>
        {title}
        {sorted && <span aria-hidden="true">{of === 'name' ? ' ↑' : ' ↓'}</span>}
      </button>
    </th>
  );
}

function Tile({ name, value, note, bad }: { name: string; value: number; note?: string; bad?: boolean }) {
  return (
    <div class={bad && value > 0 ? 'tile bad' : 'tile'}>
      <span class="tile-name">{name}</span>
      <span class="tile-value num" title={formatNumber(value)}>
        {formatShort(value)}
        {note && <span class="tile-note"> {note}</span>}
      </span>
    </div>
  );
}

function QueueRow({ queue }: { queue: QueueListing }) {
  const { counts, known } = queue;
  const row = useRef<HTMLTableRowElement>(null);
  const history = useLazyHistory(row, queue);
  const summary = history && summarize(history);
  return (
    <tr ref={row} class={known ? undefined : 'foreign'}>
      <th scope="row" class="name">
        {known ? (
          <Link to={{ queue: queue.queue }} row>
            {queue.queue}
          </Link>
        ) : (
          <span>{queue.queue}</span>
        )}
        {queue.paused && <Badge kind="warn">{text.paused}</Badge>}
        {!known && <Badge>{text.otherApp}</Badge>}
        {known && queue.processes === 0 && counts.ready > 0 && <Badge kind="bad">{text.noWorker}</Badge>}
      </th>
      <td class="wide spark-cell">
        {summary && (
          <>
            <Sparkline
              values={summary.completed}
              bad={summary.failed}
              label={text.rateOf(formatNumber(summary.total), formatNumber(summary.failures))}
            />
            <span class="num muted">{text.perMinute(formatRate(summary.perMinute))}</span>
          </>
        )}
      </td>
      <td class="right">
        <Count of={counts.ready} />
      </td>
      <td class="right">
        <Count of={counts.active} />
        {queue.slots !== undefined && <span class="muted num"> / {formatShort(queue.slots)}</span>}
      </td>
      <td class="right wide">
        <Count of={counts.scheduled} />
      </td>
      <td class={counts.dead > 0 ? 'right bad-text' : 'right'}>
        {counts.dead > 0 && known ? (
          <Link to={{ queue: queue.queue, tab: 'dead' }} label={text.deadOf(formatNumber(counts.dead), queue.queue)}>
            <Count of={counts.dead} />
          </Link>
        ) : (
          <Count of={counts.dead} />
        )}
      </td>
      <td class="right wide">{summary ? <Count of={summary.failures} /> : <span class="zero">–</span>}</td>
      <Three of={summary?.wait} />
      <Three of={summary?.run} />
    </tr>
  );
}

/** p50, p95 and p99 in one cell. */
function Three({ of }: { of: Summary | undefined }) {
  if (!of) return <td class="right wide zero">–</td>;
  const [p50, p95, p99] = [of.p50Ms, of.p95Ms, of.p99Ms].map(formatBrief);
  return (
    <td class="right wide three num">
      <span>{p50}</span>
      <span>{p95}</span>
      <span>{p99}</span>
    </td>
  );
}

function summarize({ points, stepMs, boundsMs }: History) {
  const failed = points.map((point) => point.dead + point.retried);
  const total = points.reduce((sum, point) => sum + point.completed, 0);
  return {
    completed: points.map((point) => point.completed),
    failed,
    total,
    failures: failed.reduce((sum, one) => sum + one, 0),
    perMinute: total / Math.max(1, (points.length * stepMs) / 60_000),
    wait: sumSpreads(points, 'wait', boundsMs),
    run: sumSpreads(points, 'run', boundsMs),
  };
}

/** The last hour of a queue, read when its row is seen, and each minute while it is. */
function useLazyHistory(row: { current: Element | null }, { queue, known }: QueueListing): History | undefined {
  const [history, setHistory] = useState<History | undefined>(undefined);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!row.current || !known) return;
    const observer = new IntersectionObserver(([entry]) => setSeen(entry.isIntersecting), { rootMargin: '200px' });
    observer.observe(row.current);
    return () => observer.disconnect();
  }, [known]);
  const load = (): void => {
    read('history', { queue, from: serverNow() - HOUR_MS }).then(setHistory, () => undefined); // the row goes without it
  };
  useEffect(() => {
    if (seen && !history) load();
  }, [seen]);
  useEvery(seen ? 60_000 : undefined, load);
  return history;
}
