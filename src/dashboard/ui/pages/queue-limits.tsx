import { useState } from 'preact/hooks';
import type { Limits, QueuePage } from '../../wire-models.js';
import { Panel } from '../parts/panel.js';
import { Waiting } from '../parts/states.js';
import type { Reading } from '../reading.js';
import { may } from '../session.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';
import { LimitFields } from './limit-fields.js';
import { QueueGroups } from './queue-groups.js';
import { limitsText } from './limits-text.js';

/** What holds a queue back. */
export function QueueLimits({ queue, page }: { queue: string; page: Reading<QueuePage> }) {
  if (page.data === undefined) return <Waiting of={page} />;
  return (
    <>
      <Panel title={text.limits}>
        <p>{text.limitsNow(limitsText(page.data.limits))}</p>
        {may('queue.limits') && <LimitsForm queue={queue} limits={page.data.limits} onDone={page.reload} />}
      </Panel>
      <QueueGroups queue={queue} />
    </>
  );
}

type OfGroups = NonNullable<Limits['groups']>;

/** Limits of which nothing is left out that would change what holds. */
function limitsOf(own: Limits, { share, ...groups }: OfGroups): Limits {
  const { groups: _, ...rest } = own;
  const all = { ...groups, ...(share === 'time' && { share }) };
  return Object.keys(all).length === 0 ? rest : { ...rest, groups: all };
}

function LimitsForm({ queue, limits, onDone }: { queue: string; limits: Limits | undefined; onDone: () => unknown }) {
  const [edited, setEdited] = useState<Limits>(limits ?? {});
  const set = async (wanted: Limits | null): Promise<void> => {
    await perform('queue.limits', { queue, limits: wanted }, () =>
      wanted ? text.limitsSet(queue) : text.limitsReset(queue),
    );
    await onDone();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void set(edited);
      }}
    >
      <LimitFields limits={edited} onChange={(own) => setEdited(limitsOf(own, edited.groups ?? {}))} />
      <fieldset>
        <legend>{text.eachGroup}</legend>
        <LimitFields
          limits={edited.groups}
          onChange={({ concurrency, rate }) =>
            setEdited(
              limitsOf(edited, {
                ...(concurrency !== undefined && { concurrency }),
                ...(rate && { rate }),
                share: edited.groups?.share,
              }),
            )
          }
        />
        <label class="field">
          {text.shareField}
          <select
            value={edited.groups?.share ?? 'jobs'}
            onChange={(event) =>
              setEdited(limitsOf(edited, { ...edited.groups, share: event.currentTarget.value as OfGroups['share'] }))
            }
          >
            {(['jobs', 'time'] as const).map((share) => (
              <option key={share} value={share}>
                {text.shares[share]}
              </option>
            ))}
          </select>
        </label>
      </fieldset>
      <div class="form-foot">
        <button type="submit" class="primary" disabled={Object.keys(edited).length === 0}>
          {text.setLimits}
        </button>
        <button type="button" onClick={() => void set(null)}>
          {text.resetLimits}
        </button>
      </div>
    </form>
  );
}
