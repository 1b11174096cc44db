import { useEffect, useState } from 'preact/hooks';
import type { JobAction, JobState, QueueSnapshot } from '../../wire-models.js';
import { ApiFailure } from '../api.js';
import { useFinding } from '../finding.js';
import { formatNumber, formatShort } from '../format.js';
import { lazy } from '../lazy.js';
import { Empty, FailureNote, State } from '../parts/states.js';
import { WhereField } from '../parts/where-field.js';
import { useReading } from '../reading.js';
import { place, refine } from '../router.js';
import { may } from '../session.js';
import { text } from '../text.js';
import { JOB_STATES, splitState, whereOf } from '../where.js';
import { actOnJobs, ACTIONS_OF } from './job-actions.js';
import { JobTable } from './job-table.js';
import { Link } from '../parts/link.js';

const BulkDialog = lazy(() => import('./bulk-dialog.js').then((found) => found.BulkDialog));
const Facets = lazy(() => import('./facets.js').then((found) => found.Facets));

const PAGE_SIZE = 50;
const FOUND_AT_FIRST = 100;

interface JobListProps {
  queue: string;
  counts: QueueSnapshot['counts'] | undefined;
}

/** Jobs of one state: page by page, or those that a filter finds. */
export function JobList({ queue, counts }: JobListProps) {
  const { state: wanted, where = '', cursor, n, facets } = place.value;
  const state = JOB_STATES.find((one) => one === wanted) ?? 'ready';
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  /** Not the jobs that are shown, but all that match. */
  const [everything, setEverything] = useState(false);
  const [bulk, setBulk] = useState<JobAction | undefined>(undefined);
  const [round, setRound] = useState(0);
  const limit = Number(n) || FOUND_AT_FIRST;
  const searching = where !== '';
  const listed = useReading(
    'jobs',
    { queue, state, cursor, limit: PAGE_SIZE },
    { live: cursor === undefined ? queue : undefined, keep: true, off: searching },
  );
  const found = useFinding(queue, searching ? whereOf(state, where) : undefined, limit, round);
  useEffect(() => setPicked(new Set()), [queue, state, where, cursor]);
  useEffect(() => setEverything(false), [queue, state, where]);

  const all = searching ? found.jobs : (listed.data?.jobs ?? []);
  // The answer for the state before is still there while the next one is read.
  const jobs = all.filter((job) => job.state === state);
  const failure = searching ? found.failure && shifted(found.failure, state) : listed.failure;
  const submit = (typed: string): void => {
    const split = splitState(typed);
    refine({ where: split.where, state: split.state ?? state, cursor: undefined, n: undefined }, 'push');
    if (split.where === where) setRound(round + 1);
  };
  const reload = (): void => {
    if (searching) setRound((before) => before + 1);
    else void listed.reload();
  };
  const pick = (some: ReadonlySet<string>): void => {
    setEverything(false);
    setPicked(some);
  };
  const onPicked = async (action: JobAction): Promise<void> => {
    const done = await actOnJobs(
      queue,
      action,
      jobs.filter(({ number }) => picked.has(number)),
    );
    if (!done) return;
    setPicked(new Set());
    reload();
  };
  const actions = ACTIONS_OF[state].filter((action) => may(`job.${action}`));
  const bulkActions = state === 'blocked' || !may('bulk.run') ? [] : actions;
  return (
    <>
      <StateTabs queue={queue} state={state} where={where} counts={counts} />
      <WhereField where={where} onSubmit={submit} failure={searching ? failure : undefined} />
      <div class="list-bar">
        <span role="status" class="muted">
          {statusOf()}
        </span>
        <span class="grow" />
        <button
          type="button"
          class="small"
          aria-expanded={facets !== undefined}
          onClick={() => refine({ facets: facets === undefined ? 'name' : undefined })}
        >
          {text.facets}
        </button>
        {searching && found.searching && (
          <button type="button" class="small" onClick={found.stop}>
            {text.stop}
          </button>
        )}
        {bulkActions.length > 0 && jobs.length > 0 && (
          <button
            type="button"
            class="small"
            aria-pressed={everything}
            onClick={() => {
              setPicked(new Set());
              setEverything(!everything);
            }}
          >
            {text.selectMatches}
          </button>
        )}
        {everything &&
          bulkActions.map((action) => (
            <button
              key={action}
              type="button"
              class={`small ${action === 'remove' ? 'danger-quiet' : ''}`}
              aria-haspopup="dialog"
              onClick={() => setBulk(action)}
            >
              {text.actOnAll(action)}
            </button>
          ))}
        {picked.size > 0 &&
          actions.map((action) => (
            <button
              key={action}
              type="button"
              class={`small ${action === 'remove' ? 'danger-quiet' : ''}`}
              onClick={() => void onPicked(action)}
            >
              {text.actOnSelected(action, formatNumber(picked.size))}
            </button>
          ))}
      </div>
      {facets !== undefined && (
        <Facets
          queue={queue}
          where={whereOf(state, where)}
          path={facets}
          onTerm={(term) => submit(`${where} ${term}`)}
        />
      )}
      {failure && !(searching && failure.status === 400) && <FailureNote failure={failure} onRetry={reload} />}
      {!(failure && jobs.length === 0) && (
        <section
          class="panel flush"
          aria-label={text.jobsOf(text.states[state])}
          aria-busy={searching ? found.searching : listed.loading}
        >
          {jobs.length > 0 ? (
            <JobTable jobs={jobs} state={state} picked={picked} onPick={actions.length > 0 ? pick : undefined} />
          ) : (
            <NoJobs state={state} searching={searching} waiting={searching ? found.searching : listed.loading} />
          )}
        </section>
      )}
      {bulk && (
        <BulkDialog
          queue={queue}
          action={bulk}
          where={whereOf(state, where)}
          onClose={() => setBulk(undefined)}
          onStarted={() => {
            setEverything(false);
            reload();
          }}
        />
      )}
      <div class="pager">
        {cursor && !searching && (
          <Link to={{ ...place.value, cursor: undefined }} class="button">
            {text.firstPage}
          </Link>
        )}
        {!searching && listed.data?.cursor && (
          <Link to={{ ...place.value, cursor: listed.data.cursor }} class="button">
            {text.nextPage}
          </Link>
        )}
        {searching && found.more && !found.searching && (
          <button type="button" onClick={() => refine({ n: String(limit * 4) })}>
            {text.findMore}
          </button>
        )}
      </div>
    </>
  );

  function statusOf(): string {
    if (everything) return text.allSelected;
    if (picked.size > 0) return text.selected(formatNumber(picked.size));
    if (!searching) return '';
    if (failure) return '';
    if (found.searching) return text.searching(formatNumber(found.jobs.length));
    return text.foundJobs(formatNumber(found.jobs.length), found.more);
  }
}

/** The server counts in the whole filter, the field shows it without the state. */
function shifted(failure: ApiFailure, state: JobState): ApiFailure {
  const { position, code, message, status } = failure;
  if (position === undefined) return failure;
  return new ApiFailure(
    { code, message, position: Math.max(1, position - `state:${state} `.length) },
    status === 200 ? 400 : status,
  );
}

function StateTabs({
  queue,
  state,
  where,
  counts,
}: {
  queue: string;
  state: JobState;
  where: string;
  counts: QueueSnapshot['counts'] | undefined;
}) {
  return (
    <nav class="state-tabs" aria-label={text.byState}>
      {JOB_STATES.filter((one) => one === state || one !== 'blocked' || counts?.blocked).map((one) => (
        <Link key={one} to={{ queue, state: one, where, facets: place.value.facets }} current={one === state} quiet>
          <State of={one} />
          <span class="num tab-count" title={counts && formatNumber(counts[one])}>
            {counts ? formatShort(counts[one]) : '…'}
          </span>
        </Link>
      ))}
    </nav>
  );
}

function NoJobs({ state, searching, waiting }: { state: JobState; searching: boolean; waiting: boolean }) {
  if (waiting) return <div class="waiting">{searching ? text.searchingNow : text.loading}</div>;
  if (searching) return <Empty title={text.nothingFound}>{text.nothingFoundHint}</Empty>;
  return <Empty title={text.noJobs[state]}>{text.noJobsHint[state]}</Empty>;
}
