// @ts-check
// A TCP proxy that loses, holds and delays what passes through it: the network faults of the tests.
import { connect, createServer } from 'node:net';
import { RequestLimiter } from './request-limiter.mjs';

/**
 * @typedef {object} TcpProxy
 * @property {number} port
 * @property {() => number} connections how many are open
 * @property {() => void} pass new connections work; old faults of open ones stay
 * @property {() => void} refuse open connections are reset, new ones too
 * @property {(count?: number) => void} mute the next `count` connections, or all until `pass`, are accepted and stay mute
 * @property {() => void} refuseNew new connections are reset; open ones stay
 * @property {() => void} hole open connections lose every byte in both directions and look alive; new ones work
 * @property {() => { deliver: () => Promise<void> }} hold open connections keep what the client sends from now on;
 *   `deliver` hands it to the server, even if the client has gone, and resolves with the server's answer
 * @property {(isRequest: (bytes: string) => boolean) => Promise<void>} dropReply the next matching request reaches the
 *   server, its connection is reset when the reply comes; resolves then
 * @property {(ms: number) => void} delay replies take this much longer
 * @property {(bytes: number, words?: string) => void} limit a request of more bytes is answered with these words, as servers that
 *   are hosted do, or without words by closing its connection; new connections
 * @property {() => void} reset open connections
 * @property {(port: number) => void} lead new connections to this port; open ones stay where they are
 * @property {() => Promise<void>} stop
 */

/** @param {number} targetPort @returns {Promise<TcpProxy>} */
export async function startTcpProxy(targetPort) {
  let target = targetPort;
  /** @typedef {{ client: import('node:net').Socket, server: import('node:net').Socket, mode: string, held: Buffer[] }} Pair */
  /** @type {Set<Pair>} */
  const pairs = new Set();
  let refusing = false;
  let delayMs = 0;
  let muteNext = 0;
  /** @type {{ bytes: number, words: string | undefined } | undefined} */
  let limit;
  /** @type {{ isRequest: (bytes: string) => boolean, dropped: () => void } | undefined} */
  let drop;

  /** @param {Pair} pair */
  const reset = (pair) => {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.server.destroy();
  };

  const listener = createServer((client) => {
    client.on('error', () => {});
    if (refusing) return void client.resetAndDestroy();
    const server = connect(target, '127.0.0.1');
    /** @type {Pair} */
    const pair = { client, server, mode: muteNext > 0 ? 'hole' : 'pass', held: [] };
    if (muteNext > 0) muteNext--;
    pairs.add(pair);
    const limiter = limit && new RequestLimiter(limit.bytes, limit.words);
    /** @type {(() => void) | undefined} */
    let dropped;
    client.on('data', (bytes) => {
      if (pair.mode === 'hole') return;
      if (pair.mode === 'hold') return void pair.held.push(bytes);
      if (drop?.isRequest(bytes.toString('latin1'))) {
        dropped = drop.dropped;
        drop = undefined;
      }
      if (limiter === undefined) return void server.write(bytes);
      const passed = limiter.request(bytes);
      if (passed === undefined) reset(pair);
      else if (passed.length > 0) server.write(passed);
    });
    server.on('data', (received) => {
      if (pair.mode !== 'pass') return;
      const bytes = limiter === undefined ? received : limiter.reply(received);
      if (bytes.length === 0) return;
      if (dropped !== undefined) {
        reset(pair);
        return dropped();
      }
      if (delayMs > 0) setTimeout(() => client.write(bytes), delayMs);
      else client.write(bytes);
    });
    server.on('error', () => reset(pair));
    server.on('close', () => client.destroy());
    client.on('close', () => {
      if (pair.mode === 'hold') return; // what it sent is still on its way
      pairs.delete(pair);
      server.destroy();
    });
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', () => resolve(undefined)));

  return {
    port: /** @type {import('node:net').AddressInfo} */ (listener.address()).port,
    connections: () => pairs.size,
    pass: () => {
      refusing = false;
      muteNext = 0;
    },
    refuse: () => {
      refusing = true;
      for (const pair of pairs) reset(pair);
    },
    refuseNew: () => void (refusing = true),
    mute: (count = Infinity) => void (muteNext = count),
    hole: () => {
      for (const pair of pairs) pair.mode = 'hole';
    },
    hold: () => {
      const held = [...pairs];
      for (const pair of held) pair.mode = 'hold';
      const deliver = async () => {
        for (const { server, held: chunks } of held) {
          if (chunks.length === 0) continue;
          const answered = new Promise((resolve) => server.once('data', resolve));
          for (const bytes of chunks) server.write(bytes);
          await answered;
        }
        for (const pair of held) reset(pair);
      };
      return { deliver };
    },
    dropReply: (isRequest) => new Promise((resolve) => (drop = { isRequest, dropped: () => resolve() })),
    delay: (ms) => void (delayMs = ms),
    limit: (bytes, words) => void (limit = { bytes, words }),
    lead: (port) => void (target = port),
    reset: () => {
      for (const pair of pairs) reset(pair);
    },
    stop: async () => {
      for (const pair of pairs) reset(pair);
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
