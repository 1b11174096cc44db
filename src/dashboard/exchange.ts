import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpServer } from '@nestjs/common';
import { readBody } from './body-reader.js';

/** A request as Express has it, or as Fastify does: `raw` is Node's own then. */
type GivenRequest = IncomingMessage & { raw?: IncomingMessage; originalUrl?: string; body?: unknown; params?: unknown };
type GivenResponse = ServerResponse & { raw?: ServerResponse; hijack?: () => void };

/** Why work for a request ends: nobody waits for its answer any more. */
export class ClientGone extends Error {}

/** One request and its answer, the same on Express and on Fastify. */
export class Exchange {
  readonly raw: IncomingMessage;
  /** Of the request target, as the client sent it. */
  readonly path: string;
  readonly query: URLSearchParams;

  constructor(
    private readonly adapter: HttpServer,
    private readonly request: GivenRequest,
    private readonly response: GivenResponse,
  ) {
    this.raw = request.raw ?? request;
    const target = request.originalUrl ?? this.raw.url ?? '/';
    const mark = target.indexOf('?');
    this.path = mark === -1 ? target : target.slice(0, mark);
    this.query = new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1));
  }

  /** Aborted with {@link ClientGone} when the client is gone, or has its answer. */
  get closed(): AbortSignal {
    const controller = new AbortController();
    const response = this.response.raw ?? this.response;
    response.once('close', () => controller.abort(new ClientGone()));
    if (response.closed) controller.abort(new ClientGone());
    return controller.signal;
  }

  /** What a star at the end of a route stands for. */
  get rest(): string {
    const { '*': rest } = (this.request.params ?? {}) as { '*'?: string };
    return rest ?? '';
  }

  header(name: string): string | undefined {
    const value = this.raw.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** The JSON value of the body, whether or not a parser of the app has read it. @throws DashboardError */
  body(): Promise<unknown> {
    return readBody(this.raw, () => this.request.body);
  }

  /**
   * By the adapter, so that no interceptor wraps the answer, and what the app does to all answers (compression, cookies of a
   * session) is done to this one. Our headers come last.
   */
  answer(status: number, headers: Readonly<Record<string, string>>, text: string): void {
    for (const [name, value] of Object.entries(headers)) this.adapter.setHeader?.(this.response, name, value);
    this.adapter.reply(this.response, text, status);
  }

  /** The raw answer, which is ours from here on: Fastify sends nothing more to it. */
  openStream(headers: Readonly<Record<string, string>>): ServerResponse {
    this.response.hijack?.();
    const raw = this.response.raw ?? this.response;
    for (const [name, value] of Object.entries(headers)) raw.setHeader(name, value);
    raw.statusCode = 200;
    // The connection ends with the stream: one that is kept alive would hold up the close of the app.
    raw.shouldKeepAlive = false;
    raw.flushHeaders();
    return raw;
  }
}
