import { useState } from 'preact/hooks';
import type { Limits, QueueListing } from '../../wire-models.js';
import { formatNumber } from '../format.js';
import { lazy } from '../lazy.js';
import { ask } from '../parts/dialog.js';
import { Link } from '../parts/link.js';
import { Heading } from '../parts/panel.js';
import { Badge, FailureNote } from '../parts/states.js';
import { Tabs } from '../parts/tabs.js';
import { listingOf, overview, readBoard } from '../queue-board.js';
import { useReading } from '../reading.js';
import { place } from '../router.js';
import { may } from '../session.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';
import { JobList } from './job-list.js';
import { limitsText } from './limits-text.js';

const DeadLetters = lazy(() => import('./dead-letters.js').then((found) => found.DeadLetters));
const QueueHistory = lazy(() => import('./queue-history.js').then((found) => found.QueueHistory));
const QueueLimits = lazy(() => import('./queue-limits.js').then((found) => found.QueueLimits));
const EnqueueDialog = lazy(() => import('./enqueue-dialog.js').then((found) => found.EnqueueDialog));
const PurgeDialog = lazy(() => import('./purge-dialog.js').then((found) => found.PurgeDialog));

const TABS = ['jobs', 'dead', 'history', 'limits'] as const;

export function QueuePage() {
  const { queue = '', tab = 'jobs' } = place.value;
  const reading = useReading('queue', { queue }, { live: queue, keep: true });
  // The board is as of the last snapshot; what was read knows more of the queue.
  const listing = listingOf(queue) ?? reading.data?.queue;
  const current = TABS.find((one) => one === tab) ?? 'jobs';
  if (reading.failure && !reading.data) {
    return (
      <>
        <Heading title={queue} crumbs={<Crumbs />} />
        <FailureNote failure={reading.failure} onRetry={reading.reload} />
      </>
    );
  }
  const dead = listing?.counts.dead ?? 0;
  return (
    <>
      <Heading
        crumbs={<Crumbs />}
        title={
          <>
            {queue} {listing?.paused && <Badge kind="warn">{text.paused}</Badge>}
          </>
        }
      >
        {listing && <Actions listing={listing} onDone={reading.reload} />}
      </Heading>
      {listing && <Holds listing={listing} limits={reading.data?.limits} />}
      <Tabs
        label={text.viewsOfQueue}
        current={current}
        tabs={TABS.map((key) => ({
          key,
          title: key === 'dead' && dead > 0 ? `${text.queueTabs.dead} (${formatNumber(dead)})` : text.queueTabs[key],
          to: { queue, tab: key === 'jobs' ? undefined : key },
        }))}
      />
      {current === 'jobs' && <JobList queue={queue} counts={listing?.counts} />}
      {current === 'dead' && <DeadLetters queue={queue} />}
      {current === 'history' && <QueueHistory queue={queue} />}
      {current === 'limits' && <QueueLimits queue={queue} page={reading} />}
    </>
  );
}

function Crumbs() {
  return <Link to={{}}>{text.nav.overview}</Link>;
}

/** What keeps jobs of this queue from running, in words. */
function Holds({ listing, limits }: { listing: QueueListing; limits: Limits | undefined }) {
  const notes: string[] = [];
  if (listing.paused) notes.push(text.pausedNote);
  const alone = listing.known && listing.processes === 0 && overview.value !== undefined;
  if (alone) notes.push(text.noWorkerNote);
  const held = limitsText(limits);
  if (held !== undefined) notes.push(held);
  if (notes.length === 0) return null;
  return <p class={listing.paused || alone ? 'note warn' : 'note'}>{notes.join(' ')}</p>;
}

function Actions({ listing: { queue, paused }, onDone }: { listing: QueueListing; onDone: () => unknown }) {
  const [open, setOpen] = useState<'enqueue' | 'purge' | undefined>(undefined);
  const close = (): void => setOpen(undefined);
  const pauseOrResume = async (): Promise<void> => {
    if (!paused && !(await ask({ title: text.pauseQueue(queue), body: text.pauseWhat, confirm: text.pause }))) return;
    await perform(paused ? 'queue.resume' : 'queue.pause', { queue }, () =>
      paused ? text.resumed(queue) : text.pausedNow(queue),
    );
    await Promise.all([onDone(), readBoard()]);
  };
  return (
    <>
      {may('job.enqueue') && (
        <button type="button" onClick={() => setOpen('enqueue')}>
          {text.enqueue}
        </button>
      )}
      {may('queue.pause') && (
        <button type="button" onClick={() => void pauseOrResume()}>
          {paused ? text.resume : text.pause}
        </button>
      )}
      {may('queue.purge') && (
        <button type="button" class="danger-quiet" onClick={() => setOpen('purge')}>
          {text.purge}
        </button>
      )}
      {open === 'enqueue' && <EnqueueDialog queue={queue} onClose={close} />}
      {open === 'purge' && <PurgeDialog queue={queue} onClose={close} />}
    </>
  );
}
