import type { Group, GroupRule } from '../../wire-operations.js';
import { Link } from '../parts/link.js';
import { formatNumber } from '../format.js';
import { ask } from '../parts/dialog.js';
import { Panel, Scroll } from '../parts/panel.js';
import { Badge, Count, Empty, FailureNote, Waiting } from '../parts/states.js';
import { Ago } from '../parts/time.js';
import { useReading } from '../reading.js';
import { place } from '../router.js';
import { may } from '../session.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';
import { termOf } from '../where.js';
import { ruleText } from './limits-text.js';

/** A rate opens and a gate closes without a change of the counts. */
const AGAIN_MS = 5000;
const PAGE_SIZE = 50;

/** The groups of a queue: what waits and runs of each, and what holds it back. */
export function QueueGroups({ queue }: { queue: string }) {
  const { cursor } = place.value;
  const reading = useReading(
    'groups',
    { queue, cursor, limit: PAGE_SIZE },
    { live: queue, everyMs: AGAIN_MS, keep: true },
  );
  const groups = reading.data?.groups;
  return (
    <Panel title={text.groups} class={groups?.length ? 'flush' : ''}>
      {reading.failure && <FailureNote failure={reading.failure} onRetry={reading.reload} />}
      {groups === undefined ? (
        !reading.failure && <Waiting of={reading} />
      ) : groups.length === 0 && cursor === undefined ? (
        <Empty title={text.noGroups}>{text.noGroupsHint}</Empty>
      ) : (
        <GroupTable queue={queue} groups={groups} onDone={reading.reload} />
      )}
      {(cursor ?? reading.data?.cursor) !== undefined && (
        <div class="pager">
          {cursor !== undefined && (
            <Link to={{ queue, tab: 'limits' }} class="button">
              {text.firstPage}
            </Link>
          )}
          {reading.data?.cursor !== undefined && (
            <Link to={{ queue, tab: 'limits', cursor: reading.data.cursor }} class="button">
              {text.nextPage}
            </Link>
          )}
        </div>
      )}
    </Panel>
  );
}

function GroupTable({ queue, groups, onDone }: { queue: string; groups: readonly Group[]; onDone: () => unknown }) {
  return (
    <Scroll label={text.groups}>
      <table>
        <thead>
          <tr>
            <th scope="col">{text.group}</th>
            <th scope="col" class="right">
              {text.waits}
            </th>
            <th scope="col" class="right">
              {text.runs}
            </th>
            <th scope="col">{text.heldBy}</th>
            <th scope="col" class="wide">
              {text.groupRule}
            </th>
            {may('queue.limits') && (
              <th scope="col" class="right">
                {text.actionsHead}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <Row key={group.key} queue={queue} group={group} onDone={onDone} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ queue, group, onDone }: { queue: string; group: Group; onDone: () => unknown }) {
  const { key, waiting, running, rule } = group;
  const where = termOf('group', key);
  const paused = rule?.paused === true;
  return (
    <tr>
      <th scope="row" class="mono">
        {key}
      </th>
      <td class="right">
        <Link to={{ queue, state: 'ready', where }} label={text.waitingOf(formatNumber(waiting), key)} row>
          <Count of={waiting} />
        </Link>
      </td>
      <td class="right">
        <Link to={{ queue, state: 'active', where }} label={text.runningOf(formatNumber(running), key)}>
          <Count of={running} />
        </Link>
      </td>
      <td>
        <Hold queue={queue} hold={group.hold} />
      </td>
      <td class="wide">{ruleText(rule) ?? <span class="zero">–</span>}</td>
      {may('queue.limits') && (
        <td class="right">
          <button
            type="button"
            class="small"
            aria-label={paused ? text.resumeGroup(key) : text.pauseGroup(key)}
            onClick={() => void pauseOrResume(queue, group, onDone)}
          >
            {paused ? text.resume : text.pause}
          </button>
        </td>
      )}
    </tr>
  );
}

function Hold({ queue, hold }: { queue: string; hold: Group['hold'] }) {
  if (hold === undefined) return <span class="zero">–</span>;
  const { by, until, job } = hold;
  return (
    <>
      {by === 'paused' ? <Badge kind="warn">{text.holds.paused}</Badge> : text.holds[by]}{' '}
      {until !== undefined && (
        <span class="muted">
          {text.ends} <Ago at={until} />
        </span>
      )}
      {job !== undefined && (
        <div>
          <Link to={{ queue, job }} class="mono">
            {job}
          </Link>
        </div>
      )}
    </>
  );
}

/** A rule is set whole: what was said of the group beside that stays. */
async function pauseOrResume(queue: string, { key, rule }: Group, onDone: () => unknown): Promise<void> {
  if (rule?.paused) {
    const { paused: _, ...rest } = rule;
    const kept: GroupRule | null = Object.keys(rest).length === 0 ? null : rest;
    await perform('group.set', { queue, key, rule: kept }, () => text.groupResumed(key));
  } else {
    const question = { title: `${text.pauseGroup(key)}?`, body: text.pauseGroupWhat, confirm: text.pause };
    if (!(await ask(question))) return;
    await perform('group.set', { queue, key, rule: { ...rule, paused: true } }, () => text.groupPaused(key));
  }
  await onDone();
}
