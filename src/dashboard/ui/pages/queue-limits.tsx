import { useState } from 'preact/hooks';
import type { Limits, QueuePage } from '../../wire-models.js';
import { Panel } from '../parts/panel.js';
import { Waiting } from '../parts/states.js';
import type { Reading } from '../reading.js';
import { may } from '../session.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';
import { LimitFields } from './limit-fields.js';
import { limitsText } from './limits-text.js';

/** What holds a queue back. */
export function QueueLimits({ queue, page }: { queue: string; page: Reading<QueuePage> }) {
  if (page.data === undefined) return <Waiting of={page} />;
  return (
    <Panel title={text.limits}>
      <p>{text.limitsNow(limitsText(page.data.limits))}</p>
      {may('queue.limits') && <LimitsForm queue={queue} limits={page.data.limits} onDone={page.reload} />}
    </Panel>
  );
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
      <LimitFields limits={edited} onChange={setEdited} />
      <div class="form-foot">
        <button type="submit" class="primary" disabled={edited.concurrency === undefined && edited.rate === undefined}>
          {text.setLimits}
        </button>
        <button type="button" onClick={() => void set(null)}>
          {text.resetLimits}
        </button>
      </div>
    </form>
  );
}
