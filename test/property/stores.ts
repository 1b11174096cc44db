import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { Redis, type Command, type RedisOptions } from 'ioredis';
import type { Store } from '../../src/core/ports/store.js';
import type { HeldJob } from '../../src/core/ports/worker-store.js';
import { MovableClock } from '../../src/memory/memory-clock.js';
import { giveClockKeyBack, scriptsAt, takeClockKey } from '../support/clock-keys.js';
import { MemoryServer } from '../../src/memory/memory-server.js';
import { MemoryStore } from '../../src/memory/memory-store.js';
import { QueueKeys } from '../../src/redis/keys.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import type { ScriptName } from '../../src/redis/wire/script-library.js';
import { KeyAudit } from './key-audit.js';
import type { QueueModel } from './queue-model.js';

/** One store for all runs of a property, a fresh queue of it for each: opening a Redis store costs more than a run. */
export interface ModelledStore {
  readonly name: string;
  readonly store: Store;
  now(): number;
  advance(ms: number): Promise<void>;
  pushInbox(inbox: string, element: string): Promise<void>;
  /**
   * Sends the bytes of a call again that answers with what it did (turns aside: a worker repeats those itself), as a client
   * does that lost the reply, or a socket that was given up.
   * @param age 0: of the last call; 1: of the one before …
   */
  repeatCall(age: number): Promise<void>;
  /** What was handed over to this worker since its last turn, or did not arrive before, whatever became of it. */
  handedTo(queue: string, worker: string): Promise<HeldJob[]>;
  /** What lies behind the port fits the model, too: nothing is left over, nothing counted wrong. */
  audit(queue: string, model: QueueModel): Promise<void>;
  /** A run is over. */
  drop(queue: string, inbox: string): Promise<void>;
  close(): Promise<void>;
}

const START_AT = 1_800_000_000_000;
/** Workers of the models that hear their wake-ups; the others look like processes that died while they waited. */
const LISTENING = ['w1', 'w2'];
/** A store remembers for ten minutes what it answered. */
export const CALL_MEMORY_MS = 590_000;

export async function openMemoryStore(): Promise<ModelledStore> {
  const name = uniqueName();
  const clock = new MovableClock(START_AT);
  const store = new MemoryStore({ name, clock });
  await store.connection.open();
  return {
    name: 'memory',
    store,
    now: () => clock.now(),
    advance: async (ms) => clock.advance(ms),
    pushInbox: async (inbox, element) => store.server.inboxes.push(inbox, element),
    repeatCall: async () => {}, // no reply is lost inside a process
    handedTo: async () => [], // nor is there a round trip to save
    audit: async () => {},
    drop: async () => {},
    async close() {
      await store.connection.close();
      MemoryServer.forget(name);
    },
  };
}

/** Needs a server at TEST_REDIS_URL. */
export async function openRedisStore(): Promise<ModelledStore> {
  const url = process.env.TEST_REDIS_URL;
  if (!url) throw new Error('TEST_REDIS_URL is not set: run this suite by jest, whose setup starts a server');
  const prefix = uniqueName();
  const clockKey = takeClockKey();
  const scripts = scriptsAt(clockKey);
  const client = new Redis(url);
  let now = START_AT;
  await client.set(clockKey, now);
  const calls: NumberedCall[] = [];
  const connection = new OverheardRedis(
    { ...addressOf(url), lazyConnect: true },
    new Set(NUMBERED.map((name) => scripts[name].sha)),
    calls,
    () => now,
  );
  const store = new RedisStore({
    ...{ connection, prefix, commandTimeoutMs: 10_000, connectTimeoutMs: 10_000, waitForRedis: false },
    ...{ allowEviction: false, maxCrashes: 3, logLines: 100, scripts },
  });
  await store.connection.open();
  for (const worker of LISTENING) await store.workers.onWake(worker, () => {});
  return {
    name: 'redis',
    store,
    now: () => now,
    async advance(ms) {
      now += ms;
      await client.set(clockKey, now);
    },
    pushInbox: async (inbox, element) => void (await client.lpush(inbox, element)),
    async repeatCall(age) {
      const call = calls.at(-1 - age);
      if (call === undefined || now - call.at > CALL_MEMORY_MS) return;
      const answer = answerOf(await client.call('evalsha', ...call.args));
      // Nobody waits for the answer to an older one.
      if (calls.findLast(({ caller }) => caller === call.caller) === call) expect(answer).toEqual(call.answer);
      else if (typeof answer !== 'string') expect(answer).toEqual([]);
    },
    async handedTo(queue, worker) {
      const slot = await client.hget(new QueueKeys(prefix, queue).meta, `@${worker}!`);
      const pairs = /^0 \d+ \d+ (.+)$/.exec(slot ?? '')?.[1].split(',') ?? [];
      return pairs.map((pair) => {
        const [fence, id] = pair.split(':');
        return { id, token: `${worker}:${fence}` };
      });
    },
    audit: (queue, model) => new KeyAudit(client, new QueueKeys(prefix, queue)).expectFit(model),
    async drop(queue, inbox) {
      calls.length = 0;
      const keys = Object.entries(new QueueKeys(prefix, queue)).filter(([field]) => field !== 'base');
      await client.unlink(inbox, ...keys.map(([, key]) => key as string));
    },
    async close() {
      await store.connection.close();
      giveClockKeyBack(clockKey);
      client.disconnect();
      connection.disconnect();
    },
  };
}

/** Scripts that remember a call under the number which is their second argument; turns have a command of their own. */
const NUMBERED: ScriptName[] = [
  ...(['enqueue', 'report', 'set-paused', 'cancel', 'retry-dead', 'remove', 'purge', 'forgive'] as const),
  ...(['register-schedule', 'announce-schedules', 'pause-schedule', 'resume-schedule'] as const),
  ...(['run-schedule', 'remove-schedule'] as const),
];

interface NumberedCall {
  at: number;
  args: string[];
  caller: string;
  answer: unknown;
}

/** An enqueue tells the time of the server before its outcomes. */
function answerOf(reply: unknown): unknown {
  return Array.isArray(reply) ? reply[1] : reply;
}

type LegacyOptions = RedisOptions & { replyMapping?: 'legacy' };

function addressOf(url: string): LegacyOptions {
  const { hostname: host, port } = new URL(url);
  return { host, port: Number(port) };
}

/** Remembers the numbered calls that went over it, to the byte: the store keeps their numbers to itself. */
class OverheardRedis extends Redis {
  constructor(
    options: LegacyOptions,
    private readonly shas: ReadonlySet<string>,
    private readonly calls: NumberedCall[],
    private readonly now: () => number,
  ) {
    super(options);
  }

  override duplicate(override: Partial<RedisOptions> = {}): Redis {
    return new OverheardRedis({ ...this.options, ...override } as LegacyOptions, this.shas, this.calls, this.now);
  }

  override sendCommand(command: Command, ...rest: [never?]): unknown {
    const sent = super.sendCommand(command, ...rest) as Promise<unknown>;
    const args = command.args.map(String);
    if (command.name !== 'evalsha' || !this.shas.has(args[0])) return sent;
    const call: NumberedCall = { at: this.now(), args, caller: args[2 + Number(args[1])], answer: undefined };
    this.calls.push(call);
    return sent.then((reply) => {
      call.answer = answerOf(reply);
      return reply;
    });
  }
}

function uniqueName(): string {
  return `t-${randomBytes(6).toString('hex')}`;
}
