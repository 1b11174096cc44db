import type { JobRow, JobState } from '../../wire-models.js';
import { formatNumber } from '../format.js';
import { Link } from '../parts/link.js';
import { Scroll } from '../parts/panel.js';
import { Badge } from '../parts/states.js';
import { Ago, Since } from '../parts/time.js';
import { text } from '../text.js';

interface JobTableProps {
  jobs: readonly JobRow[];
  state: JobState;
  /** Numbers. */
  picked: ReadonlySet<string>;
  /** Undefined: nothing can be done with them. */
  onPick: ((picked: ReadonlySet<string>) => void) | undefined;
}

export function JobTable({ jobs, state, picked, onPick }: JobTableProps) {
  const all = jobs.every(({ number }) => picked.has(number));
  return (
    <Scroll label={text.jobsOf(text.states[state])}>
      <table class="jobs">
        <thead>
          <tr>
            {onPick && (
              <th scope="col" class="pick">
                <input
                  type="checkbox"
                  aria-label={text.selectAll}
                  checked={all}
                  onChange={() => onPick(all ? new Set() : new Set(jobs.map(({ number }) => number)))}
                />
              </th>
            )}
            <th scope="col">{text.job}</th>
            <th scope="col">{text.name}</th>
            <th scope="col" class="wide">
              {state === 'dead' || state === 'cancelled' ? text.why : text.payload}
            </th>
            <th scope="col" class="right wide">
              {text.attempt}
            </th>
            <th scope="col" class="right">
              {text.whenOf[state]}
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <Row key={job.number} job={job} picked={picked} onPick={onPick} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ job, picked, onPick }: { job: JobRow } & Pick<JobTableProps, 'picked' | 'onPick'>) {
  const chosen = picked.has(job.number);
  const toggle = (): void => {
    const next = new Set(picked);
    if (chosen) next.delete(job.number);
    else next.add(job.number);
    onPick?.(next);
  };
  return (
    <tr class={chosen ? 'picked' : undefined}>
      {onPick && (
        <td class="pick">
          <input type="checkbox" aria-label={text.selectJob(job.id)} checked={chosen} onChange={toggle} />
        </td>
      )}
      <td class="id">
        <Link to={{ queue: job.queue, job: job.number }} row title={job.id}>
          {job.id}
        </Link>
      </td>
      <td class="name-cell">
        {job.name}
        {job.unreadable && <Badge kind="bad">{text.unreadable}</Badge>}
        {job.priority !== 0 && <Badge>{text.priorityOf(formatNumber(job.priority))}</Badge>}
      </td>
      <td class="wide cut">
        <What job={job} />
      </td>
      <td class="right wide num">
        {job.attempt}
        {job.maxAttempts !== undefined && <span class="muted"> / {job.maxAttempts}</span>}
      </td>
      <td class="right nowrap">
        <When job={job} />
      </td>
    </tr>
  );
}

function What({ job }: { job: JobRow }) {
  if (job.error && (job.state === 'dead' || job.state === 'scheduled')) {
    return (
      <span class="bad-text" title={`${job.error.name}: ${job.error.message}`}>
        {job.deadReason && job.deadReason !== 'exhausted' && <b>{job.deadReason} </b>}
        {job.error.name}: {job.error.message}
      </span>
    );
  }
  return (
    <code title={job.preview}>
      {job.deadReason && <b class="bad-text">{job.deadReason} </b>}
      {job.preview}
    </code>
  );
}

function When({ job }: { job: JobRow }) {
  if (job.state === 'active' && job.startedAt !== undefined) return <Since at={job.startedAt} />;
  return <Ago at={job.settledAt ?? job.dueAt ?? job.enqueuedAt} />;
}
