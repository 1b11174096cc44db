import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { LiveMessage } from '../wire-live.js';
import type { ReadName, Reads } from '../wire.js';
import { ApiFailure, read } from './api.js';
import { onLive } from './live.js';

export interface Reading<T> {
  data: T | undefined;
  /** Of the newest read; `data` is what the one before it answered. */
  failure: ApiFailure | undefined;
  loading: boolean;
  reload: () => Promise<void>;
}

interface ReadingOptions {
  /** Read again when this queue changes, at most once a second. */
  live?: string | undefined;
  /** Read again so often, too, while somebody looks. */
  everyMs?: number | undefined;
  /** Show what was read for another query until the new answer is there. */
  keep?: boolean;
  /** Wait with the first read. */
  off?: boolean;
}

const LEAST_MS = 1000;

export function useReading<N extends ReadName>(
  name: N,
  query: Reads[N]['query'],
  { live, everyMs, keep = false, off = false }: ReadingOptions = {},
): Reading<Reads[N]['answer']> {
  type Answer = Reads[N]['answer'];
  const key = JSON.stringify([name, query]);
  const [state, setState] = useState<{ key: string; data?: Answer; failure?: ApiFailure; loading: boolean }>({
    key,
    loading: true,
  });
  const running = useRef<AbortController>(undefined);

  const reload = useCallback(async (): Promise<void> => {
    running.current?.abort();
    const own = new AbortController();
    running.current = own;
    setState((before) => ({ ...before, loading: true }));
    try {
      const data = await read(name, query, own.signal);
      setState({ key, data, loading: false });
    } catch (failure) {
      if (own.signal.aborted) return;
      setState((before) => ({ ...before, key, failure: failure as ApiFailure, loading: false }));
    }
  }, [key]);

  useEffect(() => {
    if (!off) void reload();
    return () => running.current?.abort();
  }, [reload, off]);

  useChanges(off ? undefined : live, reload);
  useEvery(off ? undefined : everyMs, reload);

  const current = state.key === key;
  return {
    data: current || keep ? state.data : undefined,
    failure: current ? state.failure : undefined,
    loading: !off && (state.loading || !current),
    reload,
  };
}

/** Calls back when the stream says that a queue has changed: at once, then at most once a second. */
function useChanges(queue: string | undefined, onChange: () => unknown): void {
  const newest = useRef(onChange);
  newest.current = onChange;
  useEffect(() => {
    if (queue === undefined) return;
    let last = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const fire = (): void => {
      timer = undefined;
      last = Date.now();
      void newest.current();
    };
    let first = true;
    const end = onLive((message) => {
      if (!concerns(message, queue)) return;
      // The snapshot that follows `hello` says what this page has just read.
      if (first) {
        first = false;
        if (message.kind === 'hello') return;
      }
      timer ??= setTimeout(fire, Math.max(0, last + LEAST_MS - Date.now()));
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [queue]);
}

/** Calls back again and again while the page is visible, and when it is so again. */
export function useEvery(ms: number | undefined, onTime: () => unknown): void {
  const newest = useRef(onTime);
  newest.current = onTime;
  useEffect(() => {
    if (ms === undefined) return;
    let due = false;
    const look = (): void => {
      if (document.hidden || !due) return;
      due = false;
      void newest.current();
    };
    const timer = setInterval(() => {
      due = true;
      look();
    }, ms);
    document.addEventListener('visibilitychange', look);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [ms]);
}

function concerns(message: LiveMessage, queue: string): boolean {
  if (message.kind === 'snapshot') return message.queues.some((one) => one.queue === queue);
  return message.kind === 'hello';
}
