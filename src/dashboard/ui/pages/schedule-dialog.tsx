import { useEffect, useState } from 'preact/hooks';
import type { Schedule, ScheduleEdit } from '../../wire-models.js';
import { act, ApiFailure, read } from '../api.js';
import { formatDuration, formatInstant } from '../format.js';
import { Dialog } from '../parts/dialog.js';
import { JsonField, parseJson } from '../parts/json-field.js';
import { jsonText } from '../parts/json.js';
import { FailureNote } from '../parts/states.js';
import { go } from '../router.js';
import { text } from '../text.js';
import { toast } from '../toaster.js';

interface ScheduleDialogProps {
  queues: readonly string[];
  /** One that is edited. */
  schedule?: Schedule;
  onClose: () => void;
  onDone?: () => unknown;
}

type Kind = 'cron' | 'every';

/** Makes a schedule at run time, or gives one another rule. */
export function ScheduleDialog({ queues, schedule, onClose, onDone }: ScheduleDialogProps) {
  const rule = schedule?.rule;
  const [queue, setQueue] = useState(queues[0] ?? '');
  const [name, setName] = useState(schedule?.name ?? '');
  const [kind, setKind] = useState<Kind>(rule?.kind === 'interval' ? 'every' : 'cron');
  const [cron, setCron] = useState(rule?.kind === 'cron' ? rule.expression : '0 9 * * 1-5');
  const [zone, setZone] = useState(
    rule?.kind === 'cron' ? rule.timeZone : Intl.DateTimeFormat().resolvedOptions().timeZone,
  );
  const [every, setEvery] = useState(rule?.kind === 'interval' ? `${rule.everyMs / 1000}s` : '15m');
  const [jobName, setJobName] = useState(schedule?.jobName ?? '');
  const [payload, setPayload] = useState(schedule?.payload === undefined ? '' : jsonText(schedule.payload));
  const [failure, setFailure] = useState<ApiFailure | undefined>(undefined);
  const timing = kind === 'cron' ? { cron, timeZone: zone } : { every };
  const parsed = payload.trim() === '' ? undefined : parseJson(payload);
  const save = async (): Promise<void> => {
    if (parsed && 'problem' in parsed) return;
    const edit: ScheduleEdit = { ...timing, ...(jobName && { jobName }), ...(parsed && { payload: parsed.value }) };
    try {
      await act('schedule.edit', { queue, name, ...edit });
      toast(text.scheduleSaved(name), { to: { queue, schedule: name } });
      onClose();
      if (onDone) void onDone();
      else go({ queue, schedule: name });
    } catch (error) {
      setFailure(error as ApiFailure);
    }
  };
  return (
    <Dialog title={schedule ? text.editSchedule(schedule.name) : text.newSchedule} onClose={onClose} wide>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {!schedule && (
          <div class="fields">
            <label class="field">
              {text.name}
              <input
                required
                value={name}
                onInput={(event) => setName(event.currentTarget.value)}
                spellcheck={false}
                autocomplete="off"
              />
            </label>
            <label class="field">
              {text.queue}
              <select value={queue} onChange={(event) => setQueue(event.currentTarget.value)}>
                {queues.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            </label>
          </div>
        )}
        <div class="fields">
          <label class="field">
            {text.kindOfRule}
            <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
              <option value="cron">{text.cron}</option>
              <option value="every">{text.interval}</option>
            </select>
          </label>
          {kind === 'cron' ? (
            <>
              <label class="field">
                {text.expression}
                <input
                  class="mono"
                  value={cron}
                  onInput={(event) => setCron(event.currentTarget.value)}
                  spellcheck={false}
                  autocomplete="off"
                />
              </label>
              <label class="field">
                {text.timeZone}
                <input
                  value={zone}
                  onInput={(event) => setZone(event.currentTarget.value)}
                  spellcheck={false}
                  autocomplete="off"
                />
              </label>
            </>
          ) : (
            <label class="field">
              {text.everyField}
              <input value={every} onInput={(event) => setEvery(event.currentTarget.value)} autocomplete="off" />
            </label>
          )}
        </div>
        <TickPreview timing={timing} />
        <label class="field">
          {text.jobNameField}
          <input
            class="mono"
            value={jobName}
            onInput={(event) => setJobName(event.currentTarget.value)}
            spellcheck={false}
            autocomplete="off"
          />
        </label>
        <JsonField
          label={text.payloadOptional}
          typed={payload === '' ? '' : payload}
          onTyped={setPayload}
          issues={failure?.issues}
          rows={6}
          optional
        />
        {failure && failure.issues.length === 0 && <FailureNote failure={failure} />}
        <footer>
          <button type="button" onClick={onClose}>
            {text.cancel}
          </button>
          <button type="submit" class="primary" disabled={name === '' || (parsed !== undefined && 'problem' in parsed)}>
            {text.save}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** The next ticks of the rule as it is typed, or what is wrong with it. */
function TickPreview({ timing }: { timing: { cron?: string; timeZone?: string; every?: string } }) {
  const [ticks, setTicks] = useState<number[]>([]);
  const [wrong, setWrong] = useState<string | undefined>(undefined);
  const key = JSON.stringify(timing);
  useEffect(() => {
    const own = new AbortController();
    const timer = setTimeout(() => {
      read('ticks', { ...timing, count: 4 }, own.signal).then(
        (answer) => {
          setTicks(answer.ticks);
          setWrong(undefined);
        },
        (failure: ApiFailure) => {
          if (!own.signal.aborted) setWrong(failure.message);
        },
      );
    }, 250);
    return () => {
      clearTimeout(timer);
      own.abort();
    };
  }, [key]);
  const gaps = ticks.slice(1).map((tick, index) => tick - ticks[index]);
  return (
    <div class={wrong ? 'problems' : 'preview muted'} role="status">
      {wrong ??
        `${text.nextTicks}: ${ticks.map(formatInstant).join(' · ')}${gaps.length > 0 ? ` (${formatDuration(Math.min(...gaps))})` : ''}`}
    </div>
  );
}
