import { formatBytes, formatNumber } from '../format.js';
import { Facts, Heading, Panel } from '../parts/panel.js';
import { FailureNote, Waiting } from '../parts/states.js';
import { Ago } from '../parts/time.js';
import { useReading } from '../reading.js';
import { text } from '../text.js';

/** What the store guarantees, and what should be changed. */
export function DoctorPage() {
  const reading = useReading('doctor', {}, { keep: true });
  const { data } = reading;
  const heading = (
    <Heading title={text.nav.doctor}>
      <button type="button" onClick={() => void reading.reload()} disabled={reading.loading}>
        {text.examine}
      </button>
    </Heading>
  );
  if (data === undefined) {
    return (
      <>
        {heading}
        <Waiting of={reading} />
      </>
    );
  }
  const { dangers, unknown, losses, memory, persistence, replication } = data;
  const said = (value: unknown): string =>
    value === undefined ? text.notSaid : value === true ? text.yes : value === false ? text.no : String(value);
  return (
    <>
      {heading}
      {reading.failure && <FailureNote failure={reading.failure} onRetry={reading.reload} />}
      <p class="lead">{data.summary}</p>
      <p class="muted above">
        {text.examined} <Ago at={data.at} />
      </p>
      {dangers.length === 0 ? (
        <p class="note good">{text.noDangers}</p>
      ) : (
        <Panel title={text.dangers}>
          <ol class="dangers">
            {dangers.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ol>
        </Panel>
      )}
      {unknown.length > 0 && (
        <Panel title={text.unknown}>
          <ul class="plain-list">
            {unknown.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </Panel>
      )}
      <div class="columns even">
        <Panel title={text.losses}>
          <Facts
            of={[
              [text.onCrash, losses.crash],
              [text.onPowerCut, losses.powerCut],
              [text.onFailover, losses.failover],
            ]}
          />
        </Panel>
        <Panel title={text.server}>
          <Facts
            of={[
              [text.kind, `${data.kind} ${data.version}, ${data.mode}`],
              [text.memory, memory.usedBytes === undefined ? text.notSaid : formatBytes(memory.usedBytes)],
              [
                text.memoryLimit,
                memory.limitBytes === undefined
                  ? text.notSaid
                  : memory.limitBytes === 0
                    ? text.none
                    : formatBytes(memory.limitBytes),
              ],
              [text.policy, said(memory.policy)],
              ['appendonly', said(persistence.appendonly)],
              ['appendfsync', said(persistence.appendfsync)],
              [text.snapshots, said(persistence.snapshots)],
              [text.replicas, replication.replicas === undefined ? text.notSaid : formatNumber(replication.replicas)],
              ['min-replicas-to-write', said(replication.minReplicasToWrite)],
            ]}
          />
        </Panel>
      </div>
    </>
  );
}
