import { useEffect, useState } from 'preact/hooks';
import type { JobAction, JobPage as Page } from '../../wire-models.js';
import { formatDuration, formatNumber } from '../format.js';
import { followedJob, followJob, keyOf, onLive } from '../live.js';
import { Json, CopyButton } from '../parts/json.js';
import { Link } from '../parts/link.js';
import { Facts, Heading, Panel } from '../parts/panel.js';
import { Badge, Empty, FailureNote, State, Waiting } from '../parts/states.js';
import { Ago, Instant, Since } from '../parts/time.js';
import { useReading } from '../reading.js';
import { go, place } from '../router.js';
import { may, session } from '../session.js';
import { text } from '../text.js';
import { actOnJobs, ACTIONS_OF } from './job-actions.js';
import { JobErrors } from './job-errors.js';
import { termOf } from '../where.js';
import { JobTimeline } from './job-timeline.js';
import { RetryDialog } from './retry-dialog.js';

const ENDED = new Set(['completed', 'cancelled', 'dead']);
const POLL_MS = 2000;

/** One job: its life, what it was given, what became of it, and what can be done about it. */
export function JobPage() {
  const { queue = '', job: id = '' } = place.value;
  const [reveal, setReveal] = useState(false);
  // The stream carries the events of one job; a job page that it does not follow asks again and again.
  const followed = followedJob.value === keyOf({ queue, id });
  const [ended, setEnded] = useState(false);
  const reading = useReading(
    'job',
    { queue, id, ...(reveal && { reveal: 1 as const }) },
    { live: queue, everyMs: ended || followed ? undefined : POLL_MS, keep: true },
  );
  const { data, reload } = reading;
  useEffect(() => {
    followJob({ queue, id });
    return () => followJob(undefined);
  }, [queue, id]);
  useEffect(() => setEnded(data !== undefined && ENDED.has(data.job.state)), [data]);
  useJobEvents(queue, data?.job.number ?? id, reload);

  const crumbs = (
    <>
      <Link to={{}}>{text.nav.overview}</Link> / <Link to={{ queue }}>{queue}</Link>
    </>
  );
  if (data === undefined || (reading.failure && reading.failure.status === 404)) {
    return (
      <>
        <Heading title={id} crumbs={crumbs} />
        {reading.failure?.status === 404 ? (
          <Empty title={text.jobGone}>{text.jobGoneHint}</Empty>
        ) : (
          <Waiting of={reading} />
        )}
      </>
    );
  }
  const { job } = data;
  return (
    <>
      <Heading
        crumbs={crumbs}
        title={
          <>
            <span class="mono">{job.id}</span> <State of={job.state} />
          </>
        }
      >
        <Actions page={data} onDone={reload} />
      </Heading>
      {reading.failure && <FailureNote failure={reading.failure} onRetry={reload} />}
      {job.cancelling && <p class="note warn">{text.cancelling}</p>}
      {job.unreadable && <p class="note bad">{text.unreadableNote}</p>}
      <div class="columns">
        <div>
          <Panel title={text.life}>
            <JobTimeline page={data} />
          </Panel>
          {data.explanation && <Explained page={data} />}
          <Progress value={job.progress} live={job.state === 'active'} />
          <Panel
            title={text.payload}
            aside={<Reveal page={data} revealed={reveal} onReveal={() => setReveal(!reveal)} />}
          >
            {job.raw === undefined ? (
              <Json value={job.payload} label={text.payload} />
            ) : (
              <pre class="code-box">{job.raw}</pre>
            )}
          </Panel>
          {job.result !== undefined && (
            <Panel title={text.result}>
              <Json value={job.result} label={text.result} />
            </Panel>
          )}
          {job.errors.length > 0 && (
            <Panel title={text.errors(formatNumber(job.errors.length))}>
              <JobErrors errors={job.errors} />
            </Panel>
          )}
          <Logs logs={data.logs} />
        </div>
        <div>
          <JobFacts page={data} />
        </div>
      </div>
    </>
  );
}

/** What the stream says of this job makes the page read it again, a few times a second at most. */
function useJobEvents(queue: string, number: string, reload: () => Promise<void>): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = onLive((message) => {
      if (message.kind !== 'event') return;
      const { event } = message;
      if (event.queue !== queue || (event.number !== number && event.id !== number)) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        void reload();
      }, 100);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [queue, number, reload]);
}

function Actions({ page: { job, links }, onDone }: { page: Page; onDone: () => Promise<void> }) {
  const [editing, setEditing] = useState(false);
  const act = async (action: JobAction): Promise<void> => {
    if (!(await actOnJobs(job.queue, action, [job]))) return;
    if (action === 'remove') go({ queue: job.queue, state: job.state });
    else await onDone();
  };
  return (
    <>
      {links.map(({ text: title, href }) => (
        <a key={href} class="button" href={href} rel="noreferrer" target="_blank">
          {title} ↗
        </a>
      ))}
      {ACTIONS_OF[job.state]
        .filter((action) => may(`job.${action}`))
        .map((action) => (
          <button
            key={action}
            type="button"
            class={action === 'remove' || action === 'cancel' ? 'danger-quiet' : 'primary'}
            onClick={() => void act(action)}
          >
            {text.actions[action]}
          </button>
        ))}
      {job.state === 'dead' && !job.unreadable && may('job.retry') && may('job.edit') && (
        <button type="button" onClick={() => setEditing(true)}>
          {text.editAndRetry}
        </button>
      )}
      {editing && <RetryDialog job={job} onClose={() => setEditing(false)} onDone={onDone} />}
    </>
  );
}

function Reveal({ page, revealed, onReveal }: { page: Page; revealed: boolean; onReveal: () => void }) {
  if (!revealed && !page.redacted) return null;
  return (
    <>
      <Badge kind={revealed ? 'warn' : 'plain'}>{revealed ? text.revealed : text.redacted}</Badge>
      {may('payload.reveal') && (
        <button
          type="button"
          class="small"
          onClick={onReveal}
          title={session.value?.redacts ? text.revealHint : undefined}
        >
          {revealed ? text.hide : text.reveal}
        </button>
      )}
    </>
  );
}

function Explained({ page: { explanation } }: { page: Page }) {
  const { holds = [], ahead, notBefore } = explanation ?? {};
  if (holds.length === 0 && ahead === undefined && notBefore === undefined) return null;
  return (
    <Panel title={text.whyNot}>
      <ul class="holds">
        {holds.map(({ by, text: why, frees, until }) => (
          <li key={`${by} ${why}`}>
            <Badge kind="warn">{by}</Badge>
            <div>
              <p>{why}</p>
              <p class="muted">
                {frees} {until !== undefined && <Ago at={until} />}
              </p>
            </div>
          </li>
        ))}
      </ul>
      {ahead !== undefined && <p>{text.ahead(ahead, formatNumber(ahead))}</p>}
      {notBefore !== undefined && (
        <p>
          {text.notBefore} <Instant at={notBefore} />
        </p>
      )}
    </Panel>
  );
}

function Progress({ value, live }: { value: unknown; live: boolean }) {
  if (value === undefined) return null;
  const part = partOf(value);
  return (
    <Panel title={text.progress} aside={live && <span class="muted">{text.asItRuns}</span>}>
      {part !== undefined && (
        <progress max={100} value={part} aria-label={text.progress}>
          {part}%
        </progress>
      )}
      <Json value={value} label={text.progress} />
    </Panel>
  );
}

/** A number is taken as percent, as is a member `percent` or `progress`. */
function partOf(value: unknown): number | undefined {
  const { percent, progress } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const found = [value, percent, progress].find((one) => typeof one === 'number');
  return typeof found === 'number' && found >= 0 && found <= 100 ? found : undefined;
}

function Logs({ logs }: { logs: readonly string[] }) {
  return (
    <Panel title={text.logs} aside={logs.length > 0 && <CopyButton content={logs.join('\n')} label={text.logs} />}>
      {logs.length === 0 ? (
        <p class="muted">{text.noLogs}</p>
      ) : (
        <ol class="logs" tabIndex={0} aria-label={text.logs}>
          {logs.map((line, index) => (
            <li key={index}>{line}</li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function JobFacts({ page: { job } }: { page: Page }) {
  const instant = (at: number | undefined) => at !== undefined && at > 0 && <Instant at={at} />;
  const facts: [string, preact.ComponentChildren][] = [
    [text.name, <span class="mono">{job.name}</span>],
    [text.number, job.number !== job.id && <span class="mono">{job.number}</span>],
    [
      text.attempt,
      job.maxAttempts === undefined
        ? job.attempt
        : text.attemptOf(formatNumber(job.attempt), formatNumber(job.maxAttempts)),
    ],
    [text.priority, job.priority !== 0 && formatNumber(job.priority)],
    [
      text.schedule,
      job.schedule !== undefined && <Link to={{ queue: job.queue, schedule: job.schedule }}>{job.schedule}</Link>,
    ],
    [
      text.group,
      job.group !== undefined && (
        <Link to={{ queue: job.queue, state: job.state, where: termOf('group', job.group) }}>{job.group}</Link>
      ),
    ],
    [text.enqueuedAt, instant(job.enqueuedAt)],
    [text.scheduledFor, instant(job.scheduledFor)],
    [text.dueAt, instant(job.dueAt)],
    [text.startedAt, instant(job.startedAt)],
    [text.runningFor, job.state === 'active' && job.startedAt !== undefined && <Since at={job.startedAt} />],
    [text.endedAt, instant(job.settledAt)],
    [text.inAll, job.settledAt !== undefined && job.enqueuedAt > 0 && formatDuration(job.settledAt - job.enqueuedAt)],
    [text.expiresAt, instant(job.expiresAt)],
    [text.worker, job.worker !== undefined && <span class="mono">{job.worker}</span>],
    [text.whyDead, job.deadReason],
    [text.lastWords, job.deadMessage],
  ];
  for (const [name, value] of Object.entries(job.headers)) facts.push([name, <span class="mono">{value}</span>]);
  return (
    <Panel title={text.details}>
      <Facts of={facts.filter(([, value]) => value !== undefined && value !== false && value !== '')} />
    </Panel>
  );
}
