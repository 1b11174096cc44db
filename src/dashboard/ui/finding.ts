import { useEffect, useState } from 'preact/hooks';
import type { JobRow } from '../wire-models.js';
import { ApiFailure, stream } from './api.js';

export interface Finding {
  jobs: readonly JobRow[];
  searching: boolean;
  /** There are more than were asked for. */
  more: boolean;
  failure: ApiFailure | undefined;
  stop: () => void;
}

const NOTHING: Omit<Finding, 'stop'> = { jobs: [], searching: false, more: false, failure: undefined };
/** Rows are drawn together: hundreds may come within one frame. */
const DRAW_MS = 80;

/** Searches while the page shows it, and shows what it finds as it comes. */
export function useFinding(queue: string, where: string | undefined, limit: number, round: number): Finding {
  const [found, setFound] = useState(NOTHING);
  const [stop, setStop] = useState<() => void>(() => () => undefined);
  useEffect(() => {
    setFound({ ...NOTHING, searching: where !== undefined });
    if (where === undefined) return;
    const own = new AbortController();
    setStop(() => () => {
      own.abort();
      setFound((before) => ({ ...before, searching: false, more: true }));
    });
    void search(queue, where, limit, own.signal, setFound);
    return () => own.abort();
  }, [queue, where, limit, round]);
  return { ...found, stop };
}

async function search(
  queue: string,
  where: string,
  limit: number,
  signal: AbortSignal,
  show: (found: Omit<Finding, 'stop'>) => void,
): Promise<void> {
  const jobs: JobRow[] = [];
  let drawnAt = 0;
  try {
    for await (const message of stream('find', { queue, where, limit }, signal)) {
      if (message.kind === 'failure') throw new ApiFailure(message.failure, 200);
      if (message.kind === 'end') {
        show({ jobs: [...jobs], searching: false, more: message.more, failure: undefined });
        return;
      }
      jobs.push(message.job);
      if (Date.now() - drawnAt < DRAW_MS) continue;
      drawnAt = Date.now();
      show({ jobs: [...jobs], searching: true, more: false, failure: undefined });
    }
    show({ jobs: [...jobs], searching: false, more: true, failure: undefined });
  } catch (failure) {
    if (signal.aborted) return;
    show({ jobs: [...jobs], searching: false, more: false, failure: failure as ApiFailure });
  }
}
