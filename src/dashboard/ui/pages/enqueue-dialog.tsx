import { useState } from 'preact/hooks';
import { act, ApiFailure } from '../api.js';
import { Dialog } from '../parts/dialog.js';
import { JsonField, parseJson } from '../parts/json-field.js';
import { FailureNote, Waiting } from '../parts/states.js';
import { useReading } from '../reading.js';
import { text } from '../text.js';
import { toast } from '../toaster.js';

/** Enqueues a job as the app would: by its definitions, checked by their schemas. */
export function EnqueueDialog({ queue, onClose }: { queue: string; onClose: () => void }) {
  const definitions = useReading('definitions', { queue });
  const [name, setName] = useState<string | undefined>(undefined);
  const [payload, setPayload] = useState('{}');
  const [id, setId] = useState('');
  const [delay, setDelay] = useState('');
  const [priority, setPriority] = useState('');
  const [failure, setFailure] = useState<ApiFailure | undefined>(undefined);
  const names = definitions.data?.definitions ?? [];
  const chosen = name ?? names[0]?.name;
  const parsed = parseJson(payload);
  const enqueue = async (): Promise<void> => {
    if ('problem' in parsed) return;
    try {
      const job = await act('job.enqueue', {
        queue,
        payload: parsed.value,
        ...(chosen && { name: chosen }),
        ...(id && { id }),
        ...(delay && { delay }),
        ...(priority && { priority: Number(priority) }),
      });
      toast(job.created ? text.enqueued(job.id) : text.enqueuedBefore(job.id), { to: { queue, job: job.number } });
      onClose();
    } catch (error) {
      setFailure(error as ApiFailure);
    }
  };
  return (
    <Dialog title={text.enqueueInto(queue)} onClose={onClose} wide>
      {definitions.data === undefined ? (
        <Waiting of={definitions} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void enqueue();
          }}
        >
          {names.length > 0 && (
            <label class="field">
              {text.name}
              <select value={chosen} onChange={(event) => setName(event.currentTarget.value)}>
                {names.map((one) => (
                  <option key={one.name} value={one.name}>
                    {one.checked ? text.checkedName(one.name) : one.name}
                  </option>
                ))}
              </select>
            </label>
          )}
          <JsonField label={text.payload} typed={payload} onTyped={setPayload} issues={failure?.issues} rows={10} />
          <div class="fields">
            <label class="field">
              {text.idField}
              <input
                value={id}
                onInput={(event) => setId(event.currentTarget.value)}
                autocomplete="off"
                spellcheck={false}
              />
            </label>
            <label class="field">
              {text.delayField}
              <input
                value={delay}
                placeholder="5m"
                onInput={(event) => setDelay(event.currentTarget.value)}
                autocomplete="off"
              />
            </label>
            <label class="field">
              {text.priority}
              <input
                type="number"
                value={priority}
                placeholder="0"
                onInput={(event) => setPriority(event.currentTarget.value)}
              />
            </label>
          </div>
          {failure && failure.issues.length === 0 && <FailureNote failure={failure} />}
          <footer>
            <button type="button" onClick={onClose}>
              {text.cancel}
            </button>
            <button type="submit" class="primary" disabled={'problem' in parsed}>
              {text.enqueue}
            </button>
          </footer>
        </form>
      )}
    </Dialog>
  );
}
