import { useState } from 'preact/hooks';
import type { JobAction } from '../../wire-models.js';
import { expected } from '../expected.js';
import { formatNumber } from '../format.js';
import { Dialog } from '../parts/dialog.js';
import { FailureNote } from '../parts/states.js';
import { useReading } from '../reading.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';

interface BulkDialogProps {
  queue: string;
  action: JobAction;
  where: string;
  onClose: () => void;
  onStarted: () => void;
}

/** Counts what an action would be done to, and begins it once that is known. */
export function BulkDialog({ queue, action, where, onClose, onStarted }: BulkDialogProps) {
  const preview = useReading('bulkPreview', { queue, where, action });
  const [rate, setRate] = useState('');
  const [percent, setPercent] = useState('');
  const [running, setRunning] = useState(false);
  const matched = preview.data?.matched;
  const start = async (): Promise<void> => {
    setRunning(true);
    const request = {
      ...{ queue, where },
      ...(rate !== '' && { rate: Number(rate) }),
      ...(percent !== '' && { stopIf: { failures: Number(percent) / 100 } }),
    };
    const answer = await perform(`bulk.${action}`, request, () => ({
      text: text.bulkStarted(action, queue),
      to: { view: 'bulks', queue },
    }));
    setRunning(false);
    if (!answer) return;
    expected.set(answer.id, matched ?? 0);
    onClose();
    onStarted();
  };
  return (
    <Dialog title={text.bulkTitle(action, queue)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <div class="dialog-body">
          <p>
            <code>{where}</code>
          </p>
          <p>
            {text.actWhat[action]} {text.bulkWhat}
          </p>
          <p role="status">
            {preview.data
              ? text.bulkCounted(formatNumber(preview.data.matched), formatNumber(preview.data.looked))
              : preview.loading && text.bulkCounting}
          </p>
        </div>
        {preview.failure && <FailureNote failure={preview.failure} onRetry={preview.reload} />}
        <div class="fields">
          <label class="field">
            {text.bulkRate}
            <input
              type="number"
              min="0.01"
              max="100000"
              step="any"
              value={rate}
              onInput={(event) => setRate(event.currentTarget.value)}
            />
          </label>
          {action === 'retry' && (
            <label class="field">
              {text.bulkStopAt}
              <input
                type="number"
                min="0"
                max="99"
                step="any"
                value={percent}
                onInput={(event) => setPercent(event.currentTarget.value)}
              />
            </label>
          )}
        </div>
        <footer>
          <button type="button" onClick={onClose}>
            {text.close}
          </button>
          <button
            type="submit"
            class={action === 'remove' || action === 'cancel' ? 'danger' : 'primary'}
            disabled={running || !matched}
          >
            {matched === undefined ? text.actions[action] : text.bulkRun(action, formatNumber(matched))}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
