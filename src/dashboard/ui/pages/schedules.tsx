import { useState } from 'preact/hooks';
import type { Schedule } from '../../wire-models.js';
import { formatDuration, formatInstant, formatNumber } from '../format.js';
import { ask } from '../parts/dialog.js';
import { Json } from '../parts/json.js';
import { Link } from '../parts/link.js';
import { Facts, Heading, Panel, Scroll } from '../parts/panel.js';
import { Badge, Empty, FailureNote, State, Waiting } from '../parts/states.js';
import { Ago, Duration, Instant } from '../parts/time.js';
import { overview } from '../queue-board.js';
import { useReading } from '../reading.js';
import { go, place } from '../router.js';
import { may } from '../session.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';
import { ScheduleDialog } from './schedule-dialog.js';

const AGAIN_MS = 10_000;
const LATE_MS = 60_000;

/** All schedules of the queues that this app knows. */
export function SchedulesPage() {
  const queues = (overview.value?.queues ?? []).filter(({ known }) => known).map(({ queue }) => queue);
  const [creating, setCreating] = useState(false);
  return (
    <>
      <Heading title={text.nav.schedules}>
        {may('schedule.edit') && queues.length > 0 && (
          <button type="button" class="primary" onClick={() => setCreating(true)}>
            {text.newSchedule}
          </button>
        )}
      </Heading>
      {overview.value === undefined ? (
        <p class="waiting">{text.loading}</p>
      ) : (
        queues.map((queue) => <SchedulesOf key={queue} queue={queue} />)
      )}
      <Empty title={text.noSchedules}>{text.noSchedulesHint}</Empty>
      {creating && <ScheduleDialog queues={queues} onClose={() => setCreating(false)} />}
    </>
  );
}

function SchedulesOf({ queue }: { queue: string }) {
  const { cursor, queue: paged } = place.value;
  const reading = useReading(
    'schedules',
    { queue, cursor: paged === queue ? cursor : undefined },
    { everyMs: AGAIN_MS, keep: true },
  );
  if (reading.failure) return <FailureNote failure={reading.failure} onRetry={reading.reload} />;
  const schedules = reading.data?.schedules ?? [];
  if (schedules.length === 0) return null;
  return (
    <Panel title={queue} class="flush has-schedules">
      <Scroll label={text.schedulesOf(queue)}>
        <table>
          <thead>
            <tr>
              <th scope="col">{text.schedule}</th>
              <th scope="col">{text.rule}</th>
              <th scope="col">{text.status}</th>
              <th scope="col" class="right">
                {text.nextTick}
              </th>
              <th scope="col" class="right wide">
                {text.lastTick}
              </th>
              <th scope="col" class="right wide">
                {text.fired}
              </th>
              <th scope="col" class="right">
                {text.actionsHead}
              </th>
            </tr>
          </thead>
          <tbody>
            {schedules.map((schedule) => (
              <tr key={schedule.name}>
                <th scope="row">
                  <Link to={{ queue, schedule: schedule.name }} row>
                    {schedule.name}
                  </Link>
                </th>
                <td>
                  <Rule of={schedule} />
                </td>
                <td>
                  <Status of={schedule} />
                </td>
                <td class="right nowrap">
                  {schedule.status === 'active' ? <Ago at={schedule.nextTick} /> : <span class="zero">–</span>}
                </td>
                <td class="right wide nowrap">
                  <Ago at={schedule.lastTick} />
                </td>
                <td class="right wide num">{formatNumber(schedule.fired)}</td>
                <td class="right nowrap">
                  <ScheduleActions schedule={schedule} onDone={reading.reload} small />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {reading.data?.cursor && (
        <div class="pager">
          <Link to={{ view: 'schedules', queue, cursor: reading.data.cursor }} class="button">
            {text.nextPage}
          </Link>
        </div>
      )}
    </Panel>
  );
}

function Status({ of: { status, pauseReason } }: { of: Schedule }) {
  return (
    <>
      <State of={status} label={text.scheduleStates[status]} />
      {pauseReason && <span class="muted"> {text.pauseReasons[pauseReason]}</span>}
    </>
  );
}

function Rule({ of: { rule } }: { of: Pick<Schedule, 'rule'> }) {
  if (!rule) return <span class="zero">–</span>;
  if (rule.kind === 'cron') {
    return (
      <span>
        <code>{rule.expression}</code> <span class="muted">{rule.timeZone}</span>
      </span>
    );
  }
  if (rule.kind === 'date') return <Instant at={rule.at} />;
  return (
    <span>
      {rule.kind === 'interval' ? text.every(formatDuration(rule.everyMs)) : text.once(formatDuration(rule.delayMs))}
    </span>
  );
}

function ScheduleActions({ schedule, onDone, small }: { schedule: Schedule; onDone: () => unknown; small?: boolean }) {
  const { queue, name, status, app } = schedule;
  const [editing, setEditing] = useState(false);
  const className = small ? 'small' : undefined;
  const run = async (): Promise<void> => {
    if (!(await ask({ title: text.runNowTitle(name), body: text.runNowWhat, confirm: text.runNow }))) return;
    await perform('schedule.run', { queue, name }, ({ id, number, created }) => ({
      text: created ? text.ran(name, id) : text.keyIsHeld(name, id),
      to: { queue, job: number },
    }));
    await onDone();
  };
  const pauseOrResume = async (): Promise<void> => {
    const paused = status === 'paused';
    await perform(paused ? 'schedule.resume' : 'schedule.pause', { queue, name }, () =>
      paused ? text.resumed(name) : text.pausedNow(name),
    );
    await onDone();
  };
  const remove = async (): Promise<void> => {
    if (
      !(await ask({
        title: text.removeSchedule(name),
        body: text.removeScheduleWhat,
        confirm: text.actions.remove,
        danger: true,
      }))
    )
      return;
    if (await perform('schedule.remove', { queue, name }, () => text.scheduleRemoved(name))) go({ view: 'schedules' });
  };
  return (
    <span class="buttons">
      {may('schedule.run') && (
        <button type="button" class={className} aria-label={`${text.runNow}: ${name}`} onClick={() => void run()}>
          {text.runNow}
        </button>
      )}
      {may('schedule.pause') && status !== 'ended' && (
        <button
          type="button"
          class={className}
          aria-label={`${status === 'paused' ? text.resume : text.pause}: ${name}`}
          onClick={() => void pauseOrResume()}
        >
          {status === 'paused' ? text.resume : text.pause}
        </button>
      )}
      {!small && may('schedule.edit') && app === undefined && (
        <>
          <button type="button" onClick={() => setEditing(true)}>
            {text.edit}
          </button>
          <button type="button" class="danger-quiet" onClick={() => void remove()}>
            {text.actions.remove}
          </button>
        </>
      )}
      {editing && (
        <ScheduleDialog queues={[queue]} schedule={schedule} onClose={() => setEditing(false)} onDone={onDone} />
      )}
    </span>
  );
}

/** One schedule: what comes, and what came of it. */
export function SchedulePage() {
  const { queue = '', schedule: name = '' } = place.value;
  const reading = useReading('schedule', { queue, name }, { live: queue, everyMs: AGAIN_MS, keep: true });
  const crumbs = <Link to={{ view: 'schedules' }}>{text.nav.schedules}</Link>;
  if (reading.data === undefined) {
    return (
      <>
        <Heading title={name} crumbs={crumbs} />
        <Waiting of={reading} />
      </>
    );
  }
  const { schedule, next, runs } = reading.data;
  return (
    <>
      <Heading
        crumbs={crumbs}
        title={
          <>
            {name} <Status of={schedule} />
          </>
        }
      >
        <ScheduleActions schedule={schedule} onDone={reading.reload} />
      </Heading>
      {reading.failure && <FailureNote failure={reading.failure} onRetry={reading.reload} />}
      <div class="columns">
        <div>
          <Runs runs={runs} />
          {schedule.payload !== undefined && (
            <Panel title={text.payload}>
              <Json value={schedule.payload} label={text.payload} />
            </Panel>
          )}
        </div>
        <div>
          <Panel title={text.nextTicks}>
            {next.length === 0 ? (
              <p class="muted">{text.noTicks}</p>
            ) : (
              <ol class="ticks">
                {next.map((at) => (
                  <li key={at}>
                    <span class="num">{formatInstant(at)}</span>{' '}
                    <span class="muted">
                      <Ago at={at} />
                    </span>
                  </li>
                ))}
              </ol>
            )}
          </Panel>
          <ScheduleFacts schedule={schedule} />
        </div>
      </div>
    </>
  );
}

function Runs({
  runs,
}: {
  runs: {
    scheduledFor: number;
    firedAt: number;
    latenessMs: number;
    missed: number;
    job?: { id: string; number: string; queue: string; state: string };
  }[];
}) {
  return (
    <Panel title={text.lastRuns} class="flush">
      {runs.length === 0 ? (
        <Empty title={text.noRuns}>{text.noRunsHint}</Empty>
      ) : (
        <Scroll label={text.lastRuns}>
          <table>
            <thead>
              <tr>
                <th scope="col">{text.scheduledFor}</th>
                <th scope="col" class="right">
                  {text.late}
                </th>
                <th scope="col" class="right">
                  {text.missedTicks}
                </th>
                <th scope="col">{text.job}</th>
                <th scope="col">{text.state}</th>
              </tr>
            </thead>
            <tbody>
              {runs.map((run) => (
                <tr key={`${run.scheduledFor} ${run.firedAt}`}>
                  <th scope="row" class="num">
                    {formatInstant(run.scheduledFor)}
                  </th>
                  <td class={run.latenessMs > LATE_MS ? 'right bad-text' : 'right'}>
                    <Duration ms={run.latenessMs} />
                  </td>
                  <td class="right num">{formatNumber(run.missed)}</td>
                  <td>
                    {run.job ? (
                      <Link to={{ queue: run.job.queue, job: run.job.number }} row>
                        {run.job.id}
                      </Link>
                    ) : (
                      <span class="muted">{text.notKept}</span>
                    )}
                  </td>
                  <td>{run.job && <State of={run.job.state} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}

function ScheduleFacts({ schedule }: { schedule: Schedule }) {
  const facts: [string, preact.ComponentChildren][] = [
    [text.rule, <Rule of={schedule} />],
    [text.queue, <Link to={{ queue: schedule.queue }}>{schedule.queue}</Link>],
    [text.name, <span class="mono">{schedule.jobName}</span>],
    [text.declaredBy, schedule.app ?? <Badge>{text.madeAtRunTime}</Badge>],
    [text.missedRule, schedule.missed],
    [text.overlap, schedule.overlap],
    [text.jitter, schedule.jitterMs !== undefined && formatDuration(schedule.jitterMs)],
    [text.startAt, schedule.startAt !== undefined && <Instant at={schedule.startAt} />],
    [text.endAt, schedule.endAt !== undefined && <Instant at={schedule.endAt} />],
    [text.limit, schedule.limit !== undefined && formatNumber(schedule.limit)],
    [text.pausesOnFailure, schedule.pauseOnFailure && text.yes],
    [text.fired, formatNumber(schedule.fired)],
    [text.skipped, formatNumber(schedule.skipped)],
    [text.createdAt, <Instant at={schedule.createdAt} />],
  ];
  return (
    <Panel title={text.details}>
      <Facts of={facts.filter(([, value]) => value !== undefined && value !== false)} />
    </Panel>
  );
}
