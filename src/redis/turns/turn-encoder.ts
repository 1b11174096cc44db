import {
  callerOf,
  type Reservation,
  type ReservedJob,
  type Settlement,
  type WorkerTurn,
} from '../../core/ports/worker-store.js';
import { LETTER_OF_STATE } from '../../core/envelope.js';
import type { RetentionRule } from '../../core/job.js';

/** Between envelopes that travel together. JSON never holds one; a text of another codec may. */
const SEPARATOR = '\0';

type Completion = Settlement & { op: 'complete' };

/** `count bytes` of a rule; -1 keeps nothing. */
function keepArgs(keep: RetentionRule): [string, string] {
  return keep === false ? ['-1', '0'] : [String(keep.count), String(keep.bytes)];
}

export interface TurnEncoding {
  now: number;
  maxCrashes: number;
  handsOver: boolean;
  /** Somebody listens to events, which name how long runs took. */
  heard?: boolean;
}

/** Writes a worker's turn as the arguments of `settle-and-reserve.lua`. */
export function encodeTurn(turn: WorkerTurn, encoding: TurnEncoding): string[] {
  const { now, maxCrashes, handsOver, heard = false } = encoding;
  const adopt = turn.adopt === undefined ? '' : turn.adopt === '*' ? '*' : turn.adopt.join(' ');
  const args = [
    turn.worker,
    callerOf(turn),
    String(turn.call),
    String(turn.leaseMs),
    String(turn.want),
    String((turn.alone ? 1 : 0) + (turn.listed === false ? 0 : 2) + (turn.takesHanded && handsOver ? 4 : 0)),
    adopt,
    String(maxCrashes),
    String(turn.handedFence ?? 0),
  ];
  if (heard) pushDurations(args, turn.settlements);
  const settlements = releasesLast(turn.settlements);
  const completedLine = LETTER_OF_STATE.completed + String(now);
  let begin = 0;
  while (begin < settlements.length) {
    // A section holds neighbours that are alike: for plain jobs that is all that was reserved together.
    const first = settlements[begin];
    const letter = letterOf(first);
    let end = begin + 1;
    while (end < settlements.length && isAlike(settlements[end], first, letter)) end++;
    pushHead(args, letter, settlements.slice(begin, end));
    for (let index = begin; index < end; index++) pushItem(args, settlements[index], completedLine);
    begin = end;
  }
  return args;
}

function pushDurations(args: string[], settlements: readonly Settlement[]): void {
  const items: string[] = [];
  for (const { id, durationMs } of settlements) {
    if (durationMs !== undefined) items.push(id, String(Math.round(durationMs)));
  }
  if (items.length > 0) args.push('T', String(items.length / 2), ...items);
}

function pushHead(args: string[], letter: string, section: readonly Settlement[]): void {
  const [first] = section;
  args.push(letter, String(section.length));
  if ('keep' in first && first.keep !== undefined) args.push(...keepArgs(first.keep));
  if (first.op === 'complete') args.push(tokensOf(section, first.token));
  else if (SHARES_TOKEN[first.op]) args.push(first.token);
}

/** The token of all, or those of each: jobs that were handed over have each its own. */
function tokensOf(section: readonly Settlement[], first: string): string {
  if (section.every(({ token }) => token === first)) return first;
  return section.map(({ token }) => token).join(',');
}

/** One section of releases, behind all others: across sections the first released would not be the first to run again. */
function releasesLast(settlements: readonly Settlement[]): readonly Settlement[] {
  const releases = settlements.filter(isReleased);
  if (releases.length === 0) return settlements;
  return [...settlements.filter((each) => !isReleased(each)), ...releases];
}

function isReleased({ op }: Settlement): boolean {
  return op === 'release' || op === 'limit';
}

function letterOf(settlement: Settlement): string {
  if (settlement.op === 'limit' && settlement.scope === 'group') return 'H';
  return settlement.op === 'complete' && settlement.envelope === undefined ? 'K' : LETTERS[settlement.op];
}

function isAlike(next: Settlement, first: Settlement, letter: string): boolean {
  if (next.op !== first.op || (SHARES_TOKEN[next.op] && next.token !== first.token)) return false;
  return (
    ('keep' in next ? next.keep : undefined) === ('keep' in first ? first.keep : undefined) && letterOf(next) === letter
  );
}

/** Sections that name one token: many jobs fail at a time, reserved by one turn. */
const SHARES_TOKEN: Partial<Record<Settlement['op'], true>> = { retry: true, snooze: true };

const LETTERS: Record<Settlement['op'], string> = {
  complete: 'C',
  retry: 'R',
  snooze: 'S',
  release: 'L',
  limit: 'G',
  park: 'P',
  cancel: 'X',
  bury: 'D',
};

function pushItem(args: string[], settlement: Settlement, completedLine: string): void {
  switch (settlement.op) {
    case 'complete':
      args.push(settlement.id, recordOf(settlement, completedLine));
      return;
    case 'retry':
    case 'snooze':
      args.push(settlement.id, String(settlement.delayMs), settlement.envelope ?? '');
      return;
    case 'release':
    case 'cancel':
      args.push(settlement.id, settlement.token);
      return;
    case 'limit':
      args.push(settlement.id, settlement.token, String(settlement.forMs));
      return;
    case 'park':
      args.push(settlement.id, settlement.token, settlement.name);
      return;
    case 'bury':
      args.push(settlement.id, settlement.token, oneLine(settlement.detail), settlement.envelope ?? '');
      return;
    default:
      throw new Error(`No such settlement: ${JSON.stringify(settlement satisfies never)}`);
  }
}

function recordOf(settlement: Completion, completedLine: string): string {
  const line = completedLine + settlement.result;
  return settlement.envelope === undefined ? line : line + '\n' + settlement.envelope;
}

/** Details end at the newline that begins the envelope. */
function oneLine(text: string): string {
  return text.includes('\n') ? text.replaceAll('\n', ' ') : text;
}

/** As the header of `settle-and-reserve.lua` says. */
export type TurnReply = [
  now: string,
  fence: string,
  flags: number,
  nextDue: string,
  trimmedDead: number,
  lost: string,
  cancelling: string,
  handedFences: string,
  reserved: string,
  envelopes: string | string[],
  crashes: string,
];

const FLAGS = 2;
const RESERVED = 8;
const ENVELOPES = 9;

/** Whether somebody listens to the events of the queue. */
export function isHeard(reply: TurnReply): boolean {
  return (reply[FLAGS] & 16) !== 0;
}

/** Whether the queue uses what `turn-plain.lua` does not know. */
export function usesFeatures(reply: TurnReply): boolean {
  return (reply[FLAGS] & 32) !== 0;
}

/** Whether payloads of the queue may lie apart from their records. */
export function mayLieApart(reply: TurnReply): boolean {
  return (reply[FLAGS] & 128) !== 0;
}

/** The jobs of a reply; no envelopes in the rare one where an envelope holds a zero byte. */
export function reservedOf(reply: TurnReply): { ids: string[]; envelopes: string[] | undefined } {
  const ids = listOf(reply[RESERVED]);
  const texts = reply[ENVELOPES];
  let envelopes: string[] = [];
  if (ids.length > 0) envelopes = typeof texts === 'string' ? texts.split(SEPARATOR) : texts;
  return { ids, envelopes: envelopes.length === ids.length ? envelopes : undefined };
}

export function decodeReservation(
  worker: string,
  reply: TurnReply,
  ids: readonly string[],
  envelopes: readonly string[],
): Reservation {
  const [now, fence, flags, nextDue, trimmedDead, lost, cancelling, handed, , , crashText] = reply;
  const given = { token: `${worker}:${fence}`, fence: Number(fence) };
  const jobs = new Array<ReservedJob>(ids.length);
  const crashes = listOf(crashText);
  for (let index = 0; index < ids.length; index++) {
    const crashed = crashes.length === 0 ? 0 : Number(crashes[index]);
    jobs[index] = {
      id: ids[index],
      token: given.token,
      fence: given.fence,
      envelope: envelopes[index],
      crashes: crashed,
    };
  }
  for (const [index, handedFence] of listOf(handed).entries()) {
    Object.assign(jobs[index], { token: `${worker}:${handedFence}`, fence: Number(handedFence), handed: true });
  }
  return {
    now: Number(now),
    fence: given.fence,
    jobs,
    lost: listOf(lost),
    cancelling: listOf(cancelling),
    paused: (flags & 1) !== 0,
    backlog: (flags & 2) !== 0,
    suspects: (flags & 4) !== 0,
    parked: (flags & 8) !== 0,
    nextDueAt: nextDue === '' ? undefined : Number(nextDue),
    limited: (flags & 64) !== 0,
    awaited: (flags & 256) !== 0,
    trimmedDead,
  };
}

function listOf(text: string): string[] {
  return text === '' ? [] : text.split(',');
}

/** Reads what `enqueue.lua` publishes: a queue, or a queue and the job that it reserved for this worker. */
export function decodeWakeUp(worker: string, message: string): { queue: string; handed?: ReservedJob } {
  const lease = message.indexOf('\n');
  if (lease < 0) return { queue: message };
  const id = message.indexOf(' ', lease);
  const envelope = message.indexOf('\n', id);
  const fence = message.slice(lease + 1, id);
  const handed = {
    id: message.slice(id + 1, envelope),
    token: `${worker}:${fence}`,
    fence: Number(fence),
    envelope: message.slice(envelope + 1),
    crashes: 0,
  };
  return { queue: message.slice(0, lease), handed };
}
