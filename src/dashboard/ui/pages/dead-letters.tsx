import type { DeadLetters as Letters } from '../../wire-models.js';
import { formatNumber } from '../format.js';
import { Link } from '../parts/link.js';
import { Badge, Empty, Waiting } from '../parts/states.js';
import { Ago } from '../parts/time.js';
import { useReading } from '../reading.js';
import { text } from '../text.js';
import { splitState } from '../where.js';

type Group = Letters['groups'][number];

/** Dead jobs, those alike together: what went wrong, how often, since when. */
export function DeadLetters({ queue }: { queue: string }) {
  const reading = useReading('dead', { queue }, { live: queue, keep: true });
  if (reading.data === undefined) return <Waiting of={reading} />;
  const { groups, looked, complete } = reading.data;
  if (groups.length === 0) return <Empty title={text.noJobs.dead}>{text.noDeadHint}</Empty>;
  const most = Math.max(...groups.map(({ count }) => count));
  return (
    <>
      <p class="muted above">{text.deadLooked(formatNumber(looked), complete)}</p>
      <ul class="letters">
        {groups.map((group) => (
          <Letter
            key={`${group.name} ${group.reason} ${group.error} ${group.message}`}
            queue={queue}
            group={group}
            most={most}
          />
        ))}
      </ul>
    </>
  );
}

interface LetterProps {
  queue: string;
  group: Group;
  most: number;
}

function Letter({ queue, group, most }: LetterProps) {
  const { name, reason, error, message, count, newestAt, oldestAt, ids, where } = group;
  return (
    <li class="panel letter">
      <div class="letter-head">
        <span class="num letter-count">{formatNumber(count)}</span>
        <div class="letter-what">
          <p class="letter-error">
            <strong>{error}</strong> {message}
          </p>
          <p class="muted">
            <span class="mono">{name}</span> <Badge>{reason}</Badge> {text.newest} <Ago at={newestAt} /> ·{' '}
            {text.oldestAt} <Ago at={oldestAt} />
          </p>
        </div>
      </div>
      <progress max={most} value={count} aria-hidden="true" />
      <div class="letter-foot">
        <span class="muted">
          {text.examples}{' '}
          {ids.slice(0, 5).map((id) => (
            <span key={id}>
              <Link to={{ queue, job: id }}>{id}</Link>{' '}
            </span>
          ))}
        </span>
        <span class="grow" />
        <Link class="button small" to={{ queue, state: 'dead', where: splitState(where).where }}>
          {text.showJobs}
        </Link>
      </div>
    </li>
  );
}
