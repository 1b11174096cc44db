// Every system that can take part, by the name that --systems takes: a file, and the variant of it.
//
// A system's file exports
//   cannot(variant): kinds of scenario it has no way to run
//   openProducer(site): { add(payload, extra?, queue?), addMany(payloads, extra?, queue?), pending(), close() }
//   openWorker({ ...site, concurrency, handle, hasDelays }): { close() }
// site is { host, port, variant, queues, keepAll, autoPipelining }, extra is { dueAt?: epoch ms, attempts?: number,
// unique?: key, groups?, keys?: over how many groups or unique keys the jobs of addMany are spread }.
// `handle(payload)` returns a promise; its rejection is a failed attempt. `pending()` counts what has not ended.

const FILES = {
  raw: { file: './raw.mjs', variants: ['', 'pipe'] },
  bullmq: { file: './bullmq.mjs', variants: ['', 'rm'] },
  'bee-queue': { file: './bee-queue.mjs', variants: ['', 'fast'] },
  'task-queue': { file: './task-queue.mjs', variants: ['', 'p0', 'forget', 'events'] },
  'task-queue:direct': { file: './task-queue-direct.mjs', variants: [''] },
};

export const SYSTEM_NAMES = Object.entries(FILES).flatMap(([name, { variants }]) =>
  variants.map((variant) => (variant === '' ? name : `${name}:${variant}`)),
);

/** What a plain run measures; `task-queue:forget` and `task-queue:events` answer a question of their own. */
export const DEFAULT_SYSTEMS = SYSTEM_NAMES.filter((name) => !/:(forget|events)$/.test(name));

/** What ratios are taken against: the better of these in the same repeat. */
export const REFERENCES = ['bullmq', 'bullmq:rm'];

export const OURS = 'task-queue';

/** The floor under every queue. */
export const RAW = 'raw';

export async function loadSystem(name) {
  if (!SYSTEM_NAMES.includes(name)) throw new Error(`Unknown system "${name}". Known: ${SYSTEM_NAMES.join(', ')}`);
  const whole = FILES[name];
  const [base, variant] = whole ? [name, ''] : name.split(':');
  return { system: await import(FILES[base].file), variant };
}
