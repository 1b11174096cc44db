import type { JobPage } from '../../wire-models.js';
import { formatDuration, formatInstant } from '../format.js';
import { now } from '../parts/time.js';
import { text } from '../text.js';

type Kind = 'waits' | 'delayed' | 'runs' | 'failed' | 'completed' | 'cancelled' | 'dead';

interface Step {
  at: number;
  kind: Kind;
  title: string;
  detail?: string | undefined;
}

interface Span {
  from: number;
  to: number;
  kind: 'waits' | 'delayed' | 'runs';
}

/** The life of a job as a line, and the same as a list. */
export function JobTimeline({ page }: { page: JobPage }) {
  const { steps, spans, end } = lifeOf(page);
  const start = steps[0]?.at ?? 0;
  const length = Math.max(1, end - start);
  const x = (at: number): number => 1 + (Math.min(Math.max(at - start, 0), length) / length) * 98;
  return (
    <div class="timeline">
      <svg class="life" width="100%" height="34" role="img" aria-label={text.lifeLabel(formatDuration(length))}>
        {spans.map((span, index) => (
          <rect
            key={index}
            class={`span-${span.kind}`}
            x={`${x(span.from)}%`}
            width={`${Math.max(0.3, x(span.to) - x(span.from))}%`}
            y={span.kind === 'runs' ? 10 : 14}
            height={span.kind === 'runs' ? 14 : 6}
            rx="3"
          />
        ))}
        {steps.map((step, index) => (
          <circle key={index} class={`step-${step.kind}`} cx={`${x(step.at)}%`} cy="17" r="5">
            <title>
              {step.title} {formatInstant(step.at)}
            </title>
          </circle>
        ))}
      </svg>
      <ol class="steps">
        {steps.map((step, index) => (
          <li key={index}>
            <i class={`step-${step.kind}`} aria-hidden="true" />
            <span class="step-title">{step.title}</span>
            {step.detail && <span class="muted step-detail">{step.detail}</span>}
            <span class="num muted nowrap" title={formatInstant(step.at)}>
              {index === 0 ? formatInstant(step.at) : `+${formatDuration(step.at - steps[index - 1].at)}`}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function lifeOf({ job, at: readAt }: JobPage): { steps: Step[]; spans: Span[]; end: number } {
  const steps: Step[] = [];
  const spans: Span[] = [];
  const first = job.enqueuedAt > 0 ? job.enqueuedAt : (job.errors[0]?.at ?? job.startedAt ?? readAt);
  steps.push({ at: first, kind: 'waits', title: job.schedule ? text.firedBy(job.schedule) : text.steps.enqueued });
  let from = first;
  let kind: Span['kind'] = 'waits';
  if (job.scheduledFor !== undefined && job.scheduledFor > first) {
    spans.push({ from: first, to: job.scheduledFor, kind: 'delayed' });
    from = job.scheduledFor;
    if (job.scheduledFor <= readAt) steps.push({ at: job.scheduledFor, kind: 'waits', title: text.steps.due });
  }
  for (const error of job.errors) {
    spans.push({ from, to: error.at, kind });
    // The last failure of a dead job is its end.
    const last = job.state === 'dead' && error === job.errors.at(-1) && (job.settledAt ?? 0) - error.at < 50;
    if (!last)
      steps.push({
        at: error.at,
        kind: 'failed',
        title: text.attemptFailed(error.attempt),
        detail: `${error.name}: ${error.message}`,
      });
    from = error.at;
    kind = 'delayed';
  }
  if (job.state === 'active' && job.startedAt !== undefined) {
    spans.push({ from, to: job.startedAt, kind });
    const end = Math.max(now.value, readAt);
    spans.push({ from: job.startedAt, to: end, kind: 'runs' });
    steps.push({ at: job.startedAt, kind: 'runs', title: text.attemptRuns(job.attempt) });
    return { steps, spans, end };
  }
  if (job.settledAt !== undefined) {
    spans.push({ from, to: job.settledAt, kind: job.state === 'completed' ? 'runs' : kind });
    const detail = job.state === 'dead' ? [job.deadReason, job.deadMessage].filter(Boolean).join(': ') : undefined;
    steps.push({ at: job.settledAt, kind: job.state as Kind, title: text.states[job.state], detail });
    return { steps, spans, end: job.settledAt };
  }
  const end = Math.max(now.value, readAt, job.dueAt ?? 0);
  spans.push({ from, to: end, kind: job.state === 'scheduled' ? 'delayed' : 'waits' });
  if (job.dueAt !== undefined) steps.push({ at: job.dueAt, kind: 'waits', title: text.steps.willBeDue });
  return { steps, spans, end };
}
