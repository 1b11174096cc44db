import { type ActionName, type Actions, type ReadName, type Reads, type StreamName, type Streams } from '../wire.js';
import type { Failure } from '../wire-models.js';
import { text } from './text.js';

/** As `CSRF_HEADER` of wire.ts; a front end must not pull in the server's code. */
const CSRF_HEADER = 'x-task-queue-dashboard';

/** What the server answered instead of what was asked for, or that it did not answer. */
export class ApiFailure extends Error {
  readonly code: string;
  readonly position: number | undefined;
  readonly issues: { path: string; message: string }[];

  constructor(
    failure: Failure,
    /** Of HTTP; 0: the server could not be reached. */
    readonly status: number,
  ) {
    super(failure.message);
    this.code = failure.code;
    this.position = failure.position;
    this.issues = failure.issues ?? [];
  }
}

type Query = Record<string, unknown>;

/** @throws ApiFailure; AbortError when `signal` aborts */
export async function read<N extends ReadName>(
  name: N,
  query: Reads[N]['query'],
  signal?: AbortSignal,
): Promise<Reads[N]['answer']> {
  const response = await send(addressOf(name, query as Query), { signal });
  return (await response.json()) as Reads[N]['answer'];
}

/** @throws ApiFailure */
export async function act<N extends ActionName>(name: N, body: Actions[N]['body']): Promise<Actions[N]['answer']> {
  const response = await send(addressOf(name, {}), {
    method: 'POST',
    headers: { 'content-type': 'application/json', [CSRF_HEADER]: '1' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Actions[N]['answer'];
}

/** One message for each line; ends when the server ends. @throws ApiFailure; AbortError when `signal` aborts */
export async function* stream<N extends StreamName>(
  name: N,
  query: Streams[N]['query'],
  signal: AbortSignal,
): AsyncGenerator<Streams[N]['message']> {
  const response = await send(addressOf(name, query as Query), { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line !== '') yield JSON.parse(line) as Streams[N]['message'];
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

function addressOf(name: string, query: Query): URL {
  const url = new URL(`api/${name}`, document.baseURI);
  for (const [key, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== undefined && one !== '') url.searchParams.append(key, String(one));
  }
  return url;
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: 'same-origin' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiFailure({ code: 'DASHBOARD_UNREACHABLE', message: text.unreachable }, 0);
  }
  if (response.ok) return response;
  const answer = (await response.json().catch(() => undefined)) as Partial<Failure> | undefined;
  const message = typeof answer?.message === 'string' ? answer.message : text.refused(response.status);
  throw new ApiFailure({ ...answer, code: answer?.code ?? 'DASHBOARD_REFUSED', message }, response.status);
}
