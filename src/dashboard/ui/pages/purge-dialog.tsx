import { useState } from 'preact/hooks';
import type { JobState } from '../../wire-models.js';
import { formatNumber } from '../format.js';
import { Dialog } from '../parts/dialog.js';
import { listingOf, readBoard } from '../queue-board.js';
import { place } from '../router.js';
import { text } from '../text.js';
import { perform } from '../toaster.js';
import { JOB_STATES } from '../where.js';

type Purged = Exclude<JobState, 'active'>;
const STATES = JOB_STATES.filter((state): state is Purged => state !== 'active');

/** Deletes all jobs of a state, once the name of the queue is typed. */
export function PurgeDialog({ queue, onClose }: { queue: string; onClose: () => void }) {
  const [state, setState] = useState<Purged>(STATES.find((one) => one === place.value.state) ?? 'completed');
  const [confirm, setConfirm] = useState('');
  const [running, setRunning] = useState(false);
  const count = listingOf(queue)?.counts[state];
  const purge = async (): Promise<void> => {
    setRunning(true);
    const done = await perform('queue.purge', { queue, state, confirm }, ({ removed }) =>
      text.purged(formatNumber(removed), text.states[state]),
    );
    setRunning(false);
    if (!done) return;
    void readBoard();
    onClose();
  };
  return (
    <Dialog title={text.purgeTitle(queue)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (confirm === queue) void purge();
        }}
      >
        <div class="dialog-body">{text.purgeWhat}</div>
        <label class="field">
          {text.purgeState}
          <select value={state} onChange={(event) => setState(event.currentTarget.value as Purged)}>
            {STATES.map((one) => (
              <option key={one} value={one}>
                {text.states[one]} ({formatNumber(listingOf(queue)?.counts[one] ?? 0)})
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>
            {text.typeToConfirm} <code>{queue}</code>
          </span>
          <input
            value={confirm}
            onInput={(event) => setConfirm(event.currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <footer>
          <button type="button" onClick={onClose}>
            {text.cancel}
          </button>
          <button type="submit" class="danger" disabled={confirm !== queue || running}>
            {running ? text.running : text.purgeCount(count === undefined ? '' : formatNumber(count))}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
