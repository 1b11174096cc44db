import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Raw RESP to send; undefined answers nothing, ever; 'reset' ends the connection instead. */
export type FakeAnswer = string | undefined;

export interface FakeRedis {
  port: number;
  /** Commands other than those of the handshake, in the order of their arrival. */
  readonly commands: string[][];
  /** Connections accepted so far. */
  connections(): number;
  /** How further commands are answered: the nth answer to the nth of them, the last one from then on. */
  answer(...answers: FakeAnswer[]): void;
  /** Ends every connection; new ones are taken. */
  disconnectAll(): void;
  stop(): Promise<void>;
}

export const RESET = 'reset';

const INFO =
  'redis_version:7.2.0\r\nloading:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nconnected_slaves:0\r\n';

export function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

/** A server that says whatever a test wants to hear: errors that a real one gives only in bad times. */
export async function startFakeRedis(
  info: string | (() => string) = INFO,
  handshake: (name: string) => FakeAnswer = () => undefined,
): Promise<FakeRedis> {
  const commands: string[][] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  let answers: FakeAnswer[] = ['+OK\r\n'];

  function answerOf(command: string[]): FakeAnswer {
    const name = command[0].toLowerCase();
    const own = handshake(name);
    if (own !== undefined) return own;
    if (name === 'hello') return "-ERR unknown command 'HELLO'\r\n";
    if (name === 'client' || name === 'auth' || name === 'select' || name === 'script') return '+OK\r\n';
    if (name === 'info') return bulk(typeof info === 'string' ? info : info());
    if (name === 'time') return `*2\r\n${bulk('1800000000')}${bulk('0')}`;
    commands.push(command);
    return answers.length > 1 ? answers.shift() : answers[0];
  }

  const server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let rest = '';
    socket.on('data', (bytes) => {
      rest += bytes.toString('latin1');
      for (;;) {
        const parsed = readCommand(rest);
        if (parsed === undefined) return;
        rest = parsed.rest;
        const answer = answerOf(parsed.command);
        if (answer === RESET) return void socket.resetAndDestroy();
        if (answer !== undefined) socket.write(answer);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    commands,
    connections: () => accepted,
    answer: (...given) => {
      answers = given;
    },
    disconnectAll: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One RESP array of bulk strings, in latin1: one character a byte. */
function readCommand(text: string): { command: string[]; rest: string } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return undefined;
  let at = head[0].length;
  const command: string[] = [];
  for (let index = 0; index < Number(head[1]); index++) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 16));
    if (size === null) return undefined;
    at += size[0].length;
    const end = at + Number(size[1]);
    if (text.length < end + 2) return undefined;
    command.push(text.slice(at, end));
    at = end + 2;
  }
  return { command, rest: text.slice(at) };
}
