import type { Bulk } from '../../wire-operations.js';
import { expected } from '../expected.js';
import { formatDuration, formatNumber, formatRate } from '../format.js';
import { ask } from '../parts/dialog.js';
import { Link } from '../parts/link.js';
import { Heading, Scroll } from '../parts/panel.js';
import { Badge, Count, Empty, FailureNote, State, Waiting } from '../parts/states.js';
import { Ago, now } from '../parts/time.js';
import { useReading } from '../reading.js';
import { place } from '../router.js';
import { may, serverNow } from '../session.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';
import { splitState } from '../where.js';

const AGAIN_MS = 2000;
/** The colours of states of jobs say the same of operations. */
const COLOURS = { running: 'active', done: 'completed', cancelled: 'cancelled', stopped: 'dead' };

/** Operations on many jobs: those that run, and the last that ended. */
export function BulksPage() {
  const { queue } = place.value;
  const reading = useReading('bulks', { queue }, { everyMs: AGAIN_MS, keep: true });
  const bulks = reading.data?.bulks;
  return (
    <>
      <Heading
        title={queue === undefined ? text.nav.bulks : text.bulksOf(queue)}
        crumbs={queue !== undefined && <Link to={{ view: 'bulks' }}>{text.allQueues}</Link>}
      />
      {reading.failure && <FailureNote failure={reading.failure} onRetry={reading.reload} />}
      {bulks === undefined ? (
        !reading.failure && <Waiting of={reading} />
      ) : bulks.length === 0 ? (
        <Empty title={text.noBulks}>{text.noBulksHint}</Empty>
      ) : (
        <BulkTable bulks={bulks} onDone={reading.reload} />
      )}
    </>
  );
}

function BulkTable({ bulks, onDone }: { bulks: readonly Bulk[]; onDone: () => unknown }) {
  return (
    <section class="panel flush" aria-label={text.nav.bulks}>
      <Scroll label={text.nav.bulks}>
        <table class="bulks">
          <thead>
            <tr>
              <th scope="col">{text.operation}</th>
              <th scope="col">{text.queue}</th>
              <th scope="col">{text.status}</th>
              <th scope="col" class="right">
                {text.bulkDone}
              </th>
              <th scope="col" class="right wide">
                {text.bulkSkipped}
              </th>
              <th scope="col" class="right wide">
                {text.bulkLooked}
              </th>
              <th scope="col" class="right wide">
                {text.bulkSpeed}
              </th>
              <th scope="col" class="right">
                {text.began}
              </th>
              <th scope="col" class="right wide">
                {text.took}
              </th>
              {may('bulk.run') && (
                <th scope="col" class="right">
                  {text.actionsHead}
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {bulks.map((bulk) => (
              <Row key={`${bulk.queue} ${bulk.id}`} bulk={bulk} onDone={onDone} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Row({ bulk, onDone }: { bulk: Bulk; onDone: () => unknown }) {
  const { id, queue, state, where, action, done, skipped, looked, createdAt, endedAt } = bulk;
  const whole = expected.get(id);
  const tookMs = Math.max(0, (endedAt ?? Math.max(now.value, serverNow() - 1000)) - createdAt);
  return (
    <tr>
      <th scope="row" class="operation">
        <Link to={{ queue, ...splitState(where ?? '') }} row>
          {action === undefined ? text.unknownOperation : text.actions[action]}
        </Link>
        <code title={where}>{where === '' ? text.allJobs : where}</code>
      </th>
      <td>{queue}</td>
      <td>
        <State of={COLOURS[state]} label={text.bulkStates[state]} />
        {state === 'running' && bulk.executor === undefined && <Badge kind="warn">{text.noExecutor}</Badge>}
        {bulk.known > 0 && (
          <span class={bulk.failed > 0 ? 'bad-text' : 'muted'}>
            {' '}
            {text.failedAgain(formatNumber(bulk.failed), formatNumber(bulk.known))}
          </span>
        )}
      </td>
      <td class="right">
        <Count of={done} />
        {state === 'running' && whole !== undefined && (
          <progress
            max={Math.max(1, whole)}
            value={Math.min(whole, done + skipped)}
            aria-label={text.bulkProgress(formatNumber(done), formatNumber(whole))}
          />
        )}
      </td>
      <td class="right wide">
        <Count of={skipped} />
      </td>
      <td class="right wide">
        <Count of={looked} />
      </td>
      <td class="right wide nowrap num">
        {text.perSecond(formatRate(done / Math.max(1, tookMs / 1000)))}
        {bulk.rate !== undefined && <div class="muted">{text.atMostPerSecond(formatNumber(bulk.rate))}</div>}
      </td>
      <td class="right nowrap">
        <Ago at={createdAt} />
      </td>
      <td class="right wide nowrap num">{formatDuration(tookMs)}</td>
      {may('bulk.run') && (
        <td class="right">
          {state === 'running' && (
            <button
              type="button"
              class="small"
              aria-label={text.stopBulk(action === undefined ? id : text.actions[action], queue)}
              onClick={() => void stop(bulk, onDone)}
            >
              {text.cancel}
            </button>
          )}
        </td>
      )}
    </tr>
  );
}

async function stop({ id, queue }: Bulk, onDone: () => unknown): Promise<void> {
  const question = { title: text.stopBulkTitle, body: text.stopBulkWhat, confirm: text.stopBulkConfirm, danger: true };
  if (!(await ask(question))) return;
  await perform('bulk.stop', { queue, id }, ({ outcome }) =>
    outcome === 'cancelled' ? text.bulkStopped : text.bulkWasOver,
  );
  await onDone();
}
