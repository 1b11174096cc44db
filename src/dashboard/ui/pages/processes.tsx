import type { Process } from '../../wire-models.js';
import { formatBytes, formatDuration, formatNumber } from '../format.js';
import { Link } from '../parts/link.js';
import { Facts, Heading, Panel, Scroll } from '../parts/panel.js';
import { Badge, Empty, FailureNote, Waiting } from '../parts/states.js';
import { Ago, Since } from '../parts/time.js';
import { listingOf } from '../queue-board.js';
import { useReading } from '../reading.js';
import { text } from '../text.js';

/** Processes say every ten seconds that they live. */
const AGAIN_MS = 5000;
const LAG_MS = 200;

export function ProcessesPage() {
  const reading = useReading('processes', {}, { everyMs: AGAIN_MS, keep: true });
  const processes = reading.data?.processes;
  const versions = new Set(processes?.map(({ version }) => version).filter(Boolean));
  return (
    <>
      <Heading title={text.nav.processes} />
      {reading.failure && <FailureNote failure={reading.failure} onRetry={reading.reload} />}
      {versions.size > 1 && <p class="note warn">{text.mixedVersions([...versions].join(', '))}</p>}
      {processes === undefined ? (
        !reading.failure && <Waiting of={reading} />
      ) : processes.length === 0 ? (
        <Empty title={text.noProcesses}>{text.noProcessesHint}</Empty>
      ) : (
        processes.map((one) => <ProcessPanel key={one.id} process={one} />)
      )}
    </>
  );
}

function ProcessPanel({ process }: { process: Process }) {
  const { host, pid, version, role, node, startedAt, seenAt, rssBytes, loopLagMs, queues, runs } = process;
  return (
    <Panel
      title={`${host} · ${pid}`}
      class="process"
      aside={
        <>
          <Badge>{role}</Badge>
          {version && <Badge>{version}</Badge>}
        </>
      }
    >
      <Facts
        of={[
          [text.uptime, <Since at={startedAt} />],
          [text.seen, <Ago at={seenAt} />],
          [text.memory, formatBytes(rssBytes)],
          [text.loopLag, <span class={loopLagMs > LAG_MS ? 'bad-text' : undefined}>{formatDuration(loopLagMs)}</span>],
          ['Node', node],
        ]}
      />
      {queues.length > 0 && (
        <ul class="slots">
          {queues.map(({ queue, slots, slotsBusy, names }) => (
            <li key={queue}>
              <span class="slots-name">
                {listingOf(queue)?.known === false ? queue : <Link to={{ queue }}>{queue}</Link>}{' '}
                <span class="muted mono">{names.join(', ')}</span>
              </span>
              <progress max={Math.max(1, slots)} value={slotsBusy} aria-label={text.slotsBusy} />
              <span class="num">
                {formatNumber(slotsBusy)} / {formatNumber(slots)}
              </span>
            </li>
          ))}
        </ul>
      )}
      {runs.length > 0 && (
        <Scroll label={text.runsOf(`${host} · ${pid}`)}>
          <table>
            <thead>
              <tr>
                <th scope="col">{text.job}</th>
                <th scope="col">{text.queue}</th>
                <th scope="col">{text.name}</th>
                <th scope="col" class="right">
                  {text.attempt}
                </th>
                <th scope="col" class="right">
                  {text.runningFor}
                </th>
              </tr>
            </thead>
            <tbody>
              {runs.map((run) => (
                <tr key={`${run.queue} ${run.number}`}>
                  <th scope="row">
                    <Link to={{ queue: run.queue, job: run.number }} row>
                      {run.id}
                    </Link>
                  </th>
                  <td>{run.queue}</td>
                  <td class="mono">{run.name}</td>
                  <td class="right num">{run.attempt}</td>
                  <td class="right">
                    <Since at={run.startedAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}
