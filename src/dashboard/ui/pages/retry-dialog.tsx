import { useState } from 'preact/hooks';
import type { JobPage } from '../../wire-models.js';
import { act, ApiFailure } from '../api.js';
import { diff } from '../json-patch.js';
import { Dialog } from '../parts/dialog.js';
import { JsonField, parseJson } from '../parts/json-field.js';
import { jsonText } from '../parts/json.js';
import { FailureNote } from '../parts/states.js';
import { text } from '../text.js';
import { toast } from '../toaster.js';

interface RetryDialogProps {
  job: JobPage['job'];
  onClose: () => void;
  onDone: () => Promise<void>;
}

/** Retries a dead job with another payload. Only what was changed is sent, so that hidden fields keep their values. */
export function RetryDialog({ job, onClose, onDone }: RetryDialogProps) {
  const [before] = useState(job.payload);
  const [typed, setTyped] = useState(() => jsonText(job.payload ?? null));
  const [failure, setFailure] = useState<ApiFailure | undefined>(undefined);
  const [running, setRunning] = useState(false);
  const parsed = parseJson(typed);
  const patch = 'problem' in parsed ? [] : diff(before ?? null, parsed.value);
  const retry = async (): Promise<void> => {
    setRunning(true);
    setFailure(undefined);
    try {
      const { jobs } = await act('job.retry', {
        queue: job.queue,
        ids: [job.number],
        ...(patch.length > 0 && { patch }),
      });
      const [outcome] = jobs;
      if (outcome && outcome.outcome !== 'done') {
        toast(outcome.message ?? text.outcomesOf[outcome.outcome as 'finished' | 'not-found' | 'refused'], {
          bad: true,
        });
      } else toast(text.retriedEdited(job.id));
      onClose();
      await onDone();
    } catch (error) {
      setFailure(error as ApiFailure);
      setRunning(false);
    }
  };
  return (
    <Dialog title={text.editAndRetry} onClose={onClose} wide>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void retry();
        }}
      >
        <JsonField label={text.payload} typed={typed} onTyped={setTyped} issues={failure?.issues} rows={14} />
        <div class="patch" role="status">
          <p class="muted">{text.changes(patch.length)}</p>
          <ul>
            {patch.map((step) => (
              <li key={step.path + step.op} class="mono">
                <b>{step.op}</b> {step.path || '/'}{' '}
                {'value' in step && <span class="muted">{JSON.stringify(step.value)}</span>}
              </li>
            ))}
          </ul>
        </div>
        {failure && failure.issues.length === 0 && <FailureNote failure={failure} />}
        <footer>
          <button type="button" onClick={onClose}>
            {text.cancel}
          </button>
          <button type="submit" class="primary" disabled={'problem' in parsed || running}>
            {text.actions.retry}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
