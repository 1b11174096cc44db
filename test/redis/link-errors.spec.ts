import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { BrokerRefusedError, BrokerUnavailableError, StoreFullError } from '../../src/core/errors/store-errors.js';
import { Connector } from '../../src/redis/wire/connector.js';
import { Link } from '../../src/redis/wire/link.js';
import { ReplyLostError } from '../../src/redis/wire/store-errors.js';
import { RESET, startFakeRedis, type FakeRedis } from '../support/fake-redis.js';

const SCRIPT = { name: 'x', text: 'return 1', sha: 'f'.repeat(40) };
const RETRIED = ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY', 'NOREPLICAS'];
const RECONNECTED = ['READONLY', 'UNBLOCKED'];
const REFUSED = ['MISCONF', 'NOAUTH', 'NOPERM', 'WRONGTYPE', 'CROSSSLOT', 'WRONGPASS', 'ERR'];

/** What each answer of a server does to a call: a server that says on demand what a real one says in bad times only. */
describe('Link', () => {
  let server: FakeRedis;
  let link: Link;

  beforeEach(async () => {
    server = await startFakeRedis();
    link = new Link(new Connector(`redis://127.0.0.1:${server.port}`, 'p', 2000).connect('commands'), 300);
  });

  afterEach(async () => {
    link.close();
    await server.stop();
  });

  const run = () => link.run(SCRIPT, ['k'], ['a']);
  const works = async () => {
    server.answer(':7\r\n');
    expect(await run()).toBe(7);
  };
  const verbs = () => server.commands.map(([name]) => name);

  it('takes a reply that came while the loop stood still for longer than the call may take', async () => {
    const url = String(process.env.TEST_REDIS_URL);
    const real = new Link(new Connector(url, 'p', 2000).connect('commands'), 300);
    await real.command('ping', []);
    const reply = real.command('ping', []);
    const end = performance.now() + 600;
    while (performance.now() < end);
    expect(await reply).toBe('PONG');
    expect(real.epoch).toBe(1); // on the same connection
    real.close();
  });

  it('sends a script by its hash', async () => {
    await works();
    expect(server.commands).toEqual([['evalsha', SCRIPT.sha, '1', 'k', 'a']]);
  });

  it('sends the text once where the server does not know the hash', async () => {
    server.answer('-NOSCRIPT No matching script. Please use EVAL.\r\n', ':7\r\n');
    expect(await run()).toBe(7);
    expect(await run()).toBe(7);
    expect(server.commands.map(([verb, body]) => [verb, body])).toEqual([
      ['evalsha', SCRIPT.sha],
      ['eval', SCRIPT.text],
      ['evalsha', SCRIPT.sha],
    ]);
  });

  it('does not go on for ever with a server that knows no script at all', async () => {
    server.answer('-NOSCRIPT No matching script\r\n');
    await expect(run()).rejects.toBeInstanceOf(BrokerUnavailableError);
    await works();
  });

  describe.each(RETRIED)('%s', (code) => {
    it('is waited out', async () => {
      server.answer(`-${code} not now\r\n`, `-${code} not now\r\n`, ':7\r\n');
      expect(await run()).toBe(7);
      expect(verbs()).toHaveLength(3);
      expect(server.connections()).toBe(1);
    });

    it('ends as "nothing was stored" when it does not pass', async () => {
      server.answer(`-${code} not now\r\n`);
      const error = await run().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(BrokerUnavailableError);
      expect(error).not.toBeInstanceOf(ReplyLostError);
      expect((error as Error).message).toMatch(
        new RegExp(`Redis refused for 300 ms \\(${code}\\): .{20,}nothing was stored`),
      );
      await works();
    });

    it('says that the outcome is open when an earlier attempt got no answer', async () => {
      server.answer(RESET, `-${code} not now\r\n`);
      await expect(run()).rejects.toBeInstanceOf(ReplyLostError);
      await works();
    });
  });

  it.each(RECONNECTED)('looks for another server after %s', async (code) => {
    server.answer(`-${code} go away\r\n`, ':7\r\n');
    expect(await run()).toBe(7);
    expect(server.connections()).toBe(2);
  });

  it.each(RECONNECTED)('says that nothing was stored when it finds only %s', async (code) => {
    server.answer(`-${code} go away\r\n`);
    const error = await run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BrokerUnavailableError);
    expect(error).not.toBeInstanceOf(ReplyLostError);
    await works();
  });

  it('replaces a connection once for many calls that are refused with READONLY', async () => {
    server.answer(...Array.from({ length: 10 }, () => '-READONLY no\r\n'), ':7\r\n');
    expect(await Promise.all(Array.from({ length: 10 }, run))).toEqual(Array.from({ length: 10 }, () => 7));
    expect(server.connections()).toBe(2);
  });

  it.each(REFUSED)('refuses at once with the remedy: %s', async (code) => {
    server.answer(`-${code} because\r\n`);
    const error = await run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BrokerRefusedError);
    expect(error).toMatchObject({ code: 'TASK_QUEUE_BROKER_REFUSED', reply: code, cause: expect.any(Error) });
    expect((error as BrokerRefusedError).remedy.length).toBeGreaterThan(5);
    expect(verbs()).toHaveLength(1);
    await works();
  });

  it.each(['OOM command not allowed', 'OOM allow-oom flag is not set on the script'])(
    'says that the store is full: %s',
    async (text) => {
      server.answer(`-${text}\r\n`);
      await expect(run()).rejects.toBeInstanceOf(StoreFullError);
      expect(verbs()).toHaveLength(1);
      await works();
    },
  );

  it.each(['OOM', ...REFUSED])('does not call an open outcome refused: %s after a lost reply', async (code) => {
    server.answer(RESET, `-${code} because\r\n`);
    const error = await run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ReplyLostError);
    expect((error as Error).cause).toBeInstanceOf(BrokerRefusedError);
    await works();
  });

  it.each(['@!\r\nnonsense', '\u0000\u00ff\u00fe\r\n'])('survives garbage: %j', async (bytes) => {
    server.answer(bytes, ':7\r\n');
    expect(await run()).toBe(7);
  });

  it('repeats a call whose connection went, and many at once', async () => {
    server.answer(RESET, ':7\r\n');
    expect(await Promise.all([run(), run(), run()])).toEqual([7, 7, 7]);
  });

  it('settles every call of a server that never answers, and works with it when it does', async () => {
    server.answer(undefined);
    const results = await Promise.allSettled([run(), run(), link.command('hget', ['k', 'f'])]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect((results[0] as PromiseRejectedResult).reason).toBeInstanceOf(ReplyLostError);
    // A look that got no answer left nothing open.
    expect((results[2] as PromiseRejectedResult).reason).not.toBeInstanceOf(ReplyLostError);
    await works();
  });

  it('maps the refusal of a plain command, and repeats the command', async () => {
    server.answer('-LOADING not now\r\n', RESET, '$1\r\nx\r\n');
    expect(await link.command('hget', ['k', 'f'])).toBe('x');
    server.answer('-NOPERM no\r\n');
    await expect(link.command('hget', ['k', 'f'])).rejects.toMatchObject({ reply: 'NOPERM' });
  });

  it('raises its epoch with every connection', async () => {
    await works();
    expect(link.epoch).toBe(1);
    server.answer(RESET, ':7\r\n');
    await run();
    expect(link.epoch).toBe(2);
  });

  it('settles what is under way when it is closed', async () => {
    server.answer(undefined);
    await works();
    server.answer(undefined);
    const calls = [run(), run()];
    await new Promise((resolve) => setImmediate(resolve));
    link.close();
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(ReplyLostError);
    await expect(run()).rejects.toMatchObject({ message: expect.stringContaining('closed') });
  });

  it('does not forget an open outcome when a later attempt could not leave', async () => {
    const errors = ['Connection is closed.', "Stream isn't writeable and enableOfflineQueue options is false"];
    const client = Object.assign(new EventEmitter(), {
      status: 'ready',
      disconnect() {},
      sendCommand: () => Promise.reject(new Error(errors.length > 1 ? errors.shift() : errors[0])),
    });
    const stubborn = new Link(client as unknown as Redis, 300);
    await expect(stubborn.run(SCRIPT, [], [])).rejects.toBeInstanceOf(ReplyLostError);
    // …and what never left is not open.
    const error = await stubborn.run(SCRIPT, [], []).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BrokerUnavailableError);
    expect(error).not.toBeInstanceOf(ReplyLostError);
    stubborn.close();
  });

  it('calls nothing stored where nobody listens', async () => {
    await works();
    await server.stop();
    const options = { port: server.port, lazyConnect: true, enableOfflineQueue: false, disconnectTimeout: 100 };
    const client = new Redis({ ...options, retryStrategy: () => 20 });
    const away = new Link(client, 300);
    client.connect().catch(() => {});
    const error = await away.run(SCRIPT, [], []).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BrokerUnavailableError);
    expect(error).not.toBeInstanceOf(ReplyLostError);
    away.close();
  });
});
