import { createHash } from 'node:crypto';
import { channelSpace } from '../keys.js';
import { scriptTexts } from './script-texts.js';

/** One Lua script: its text and the hash the server knows it by. */
export interface Script {
  name: string;
  text: string;
  sha: string;
  /** Sent by EVALSHA_RO: the server refuses every write in it. */
  readOnly?: true;
}

/** One call of a script, as a `Link` sends it. */
export interface ScriptCall {
  script: Script;
  keys: readonly string[];
  args: readonly string[];
}

/** A server at maxmemory refuses it. */
export function needsMemory({ text }: Script): boolean {
  return !/^#!lua .*\ballow-oom\b/.test(text);
}

export type ScriptName =
  | 'announce-process'
  | 'announce-schedules'
  | 'beat'
  | 'cancel'
  | 'change-alerts'
  | 'claim-bulks'
  | 'counts'
  | 'explain'
  | 'drop-ends'
  | 'due-schedules'
  | 'end-bulk'
  | 'enqueue'
  | 'enqueue-plain'
  | 'fire-schedules'
  | 'forgive'
  | 'leave'
  | 'list'
  | 'listen'
  | 'look-alerts'
  | 'mend'
  | 'oldest'
  | 'pause-schedule'
  | 'promote'
  | 'promote-job'
  | 'purge'
  | 'read'
  | 'read-bulks'
  | 'set-group'
  | 'list-groups'
  | 'group-jobs'
  | 'read-ends'
  | 'read-processes'
  | 'read-schedules'
  | 'reclaim'
  | 'reconcile'
  | 'record-runs'
  | 'register-schedule'
  | 'remove'
  | 'remove-schedule'
  | 'report'
  | 'resume-schedule'
  | 'retry-dead'
  | 'run-schedule'
  | 'scan'
  | 'set-limits'
  | 'set-paused'
  | 'settle-and-reserve'
  | 'start-bulk'
  | 'step-bulk'
  | 'take-ids'
  | 'take-inbox'
  | 'trim'
  | 'turn-plain'
  | 'withdraw';

export type ScriptLibrary = Readonly<Record<string, Script>>;

/** Every script that needs the time reads it in this one line, once. */
export const TIME_LINE = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)";

/** @param clockKey a key that holds the time in ms instead of the server's clock: for tests, which move it */
export function loadScripts(clockKey?: string): ScriptLibrary {
  const library: Record<string, Script> = {};
  for (const [name, source] of Object.entries(scriptTexts())) {
    const text = clockKey === undefined ? source : source.replaceAll(TIME_LINE, movableTimeLine(clockKey));
    library[name] = { name, text, sha: shaOf(text) };
  }
  return library;
}

function movableTimeLine(clockKey: string): string {
  return (
    `local now = tonumber(redis.call('GET', '${clockKey}')) ` +
    "local t = { string.format('%.0f', math.floor(now / 1000)), '0' }"
  );
}

/**
 * The scripts of a connection to this database: keys belong to a database and channels to the whole server, so outside of
 * database 0 whatever they publish, or ask of a channel, has the {@link channelSpace} in front.
 */
export function inDatabase(library: ScriptLibrary, database: number): ScriptLibrary {
  const space = channelSpace(database);
  if (space === '') return library;
  return Object.fromEntries(
    Object.entries(library).map(([name, script]) => {
      const text = script.text.replace(CHANNEL_CALL, (call) => `${call}'${space}' .. `);
      return [name, { ...script, text, sha: shaOf(text) }];
    }),
  );
}

/** How each script begins a call on a channel. */
const CHANNEL_CALL = /'(?:PUBLISH|PUBSUB', 'NUMSUB)', /g;

/** The same script for calls that only read, so that a Redis user without the right to write can make them. */
export function readOnly({ name, text: source }: Script): Script {
  const text = source.replace(/^#!lua.*/, '#!lua flags=no-writes');
  return { name, text, sha: shaOf(text), readOnly: true };
}

function shaOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
