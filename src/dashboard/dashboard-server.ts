import { HttpException, type ExecutionContext } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { stackOfThrown } from '../core/thrown-reader.js';
import { sees, type Access } from './access.js';
import { JSON_HEADERS, MESSAGE_HEADERS, STREAM_HEADERS } from './answer-headers.js';
import type { DashboardContext } from './dashboard-context.js';
import { forbidden, refusalOf } from './dashboard-error.js';
import { ClientGone, Exchange } from './exchange.js';
import { Fields } from './fields.js';
import { refuseForeignSite, refuseForgery, type Gatekeeper } from './gatekeeper.js';
import { LineStream } from './live/line-stream.js';
import type { ActionRoute, Call } from './routes/route.js';
import type { TableRow } from './routes/route-table.js';
import type { UiServer } from './ui-server.js';
import type { DashboardAction, ActionName } from './wire.js';

/** The only way to anything of the dashboard: it checks a request against its row of the table, and answers it. */
export class DashboardServer {
  constructor(
    /** Its adapter is known once the app has one. */
    private readonly host: Pick<HttpAdapterHost, 'httpAdapter'>,
    private readonly context: DashboardContext,
    private readonly gatekeeper: Gatekeeper,
    private readonly ui: UiServer,
    private readonly logger: { error(line: string, stack: string): unknown },
  ) {}

  /**
   * Answers whatever happens, but for paths that nothing is at: those are for Nest.
   * @param seen the request as the guards of the app have passed it; undefined where none kept it
   * @throws NotFoundException
   */
  async serve(row: TableRow, request: never, response: never, seen: ExecutionContext | undefined): Promise<void> {
    const exchange = new Exchange(this.host.httpAdapter, request, response);
    try {
      if (row.kind === 'action') refuseForgery(exchange);
      else if (row.kind !== 'page') refuseForeignSite(exchange);
      if (seen === undefined) throw forbidden('The guard of the dashboard did not see this request.');
      const access = await this.gatekeeper.admit(exchange, seen);
      await this.answer(row, exchange, access);
    } catch (error) {
      if (error instanceof ClientGone) return;
      if (error instanceof HttpException) throw error;
      this.refuse(row, exchange, error);
    }
  }

  private async answer(row: TableRow, exchange: Exchange, access: Access): Promise<void> {
    switch (row.kind) {
      case 'page':
        return this.ui.page(exchange);
      case 'asset':
        return this.ui.asset(exchange);
      case 'read': {
        const call = this.callOf(row, Fields.ofQuery(exchange.query, fieldsOf(row), row.name), access, exchange);
        this.requireRight(row, call);
        return exchange.answer(200, JSON_HEADERS, JSON.stringify(await row.route.answer(call)));
      }
      case 'stream': {
        const call = this.callOf(row, Fields.ofQuery(exchange.query, fieldsOf(row), row.name), access, exchange);
        this.requireRight(row, call);
        this.context.streams.requireRoom();
        const send = await row.route.prepare(call);
        this.context.streams.requireRoom();
        const stream = new LineStream<object>(exchange.openStream(STREAM_HEADERS));
        this.context.streams.add(stream, () => stream.end({ kind: 'bye', why: 'shutdown' }));
        return send(stream);
      }
      case 'action': {
        const fields = Fields.ofBody(await exchange.body(), fieldsOf(row), row.name);
        return this.act(row, this.callOf(row, fields, access, exchange), exchange);
      }
    }
  }

  /** Whatever becomes of it, the audit is told. */
  private async act(row: TableRow & { kind: 'action' }, call: Call, exchange: Exchange): Promise<void> {
    const { route } = row;
    const action = row.name as ActionName;
    const subject = route.subject(call.fields);
    const tell = (
      outcome: 'done' | 'failed' | 'denied',
      count: number,
      error?: unknown,
      name?: string,
    ): Promise<void> =>
      this.context.tell({
        ...{ access: call.access, action, queue: call.queue, ...subject, count, outcome },
        ...(name !== undefined && { name }),
        ...(error !== undefined && { error: refusalOf(error).failure.code }),
      });
    try {
      this.requireRight(row, call);
    } catch (error) {
      await tell('denied', 0, error);
      throw error;
    }
    let deed: Awaited<ReturnType<ActionRoute<unknown>['act']>>;
    try {
      deed = await route.act(call);
    } catch (error) {
      await tell('failed', 0, error);
      throw error;
    }
    await tell('done', deed.count, undefined, deed.name);
    exchange.answer(200, JSON_HEADERS, JSON.stringify(deed.answer));
  }

  /** @throws DashboardError for a queue that may not be seen */
  private callOf(row: ApiRow, fields: Fields, access: Access, exchange: Exchange): Call {
    const queue = row.route.about === 'queue' ? fields.text('queue') : '';
    if (row.route.about === 'queue' && !sees(access, queue)) throw forbidden('You may not see this queue.');
    return { context: this.context, access, fields, queue, signal: exchange.closed };
  }

  /** @throws DashboardError */
  private requireRight({ route }: ApiRow, { access, fields }: Call): void {
    const needed: DashboardAction[] = [...(route.needs ? [route.needs] : []), ...(route.alsoNeeds?.(fields) ?? [])];
    const missing = needed.find((action) => !access.can.has(action));
    if (missing === undefined) return;
    const why = this.context.options.readOnly === true ? 'This dashboard is read-only' : 'You may not do this';
    throw forbidden(`${why}: it needs ${missing}.`);
  }

  private refuse({ kind }: TableRow, exchange: Exchange, error: unknown): void {
    const { status, failure, unexpected } = refusalOf(error);
    if (unexpected) this.logger.error(`The dashboard failed at ${JSON.stringify(exchange.path)}`, stackOfThrown(error));
    if (kind === 'page' || kind === 'asset') exchange.answer(status, MESSAGE_HEADERS, `${failure.message}\n`);
    else exchange.answer(status, JSON_HEADERS, JSON.stringify(failure));
  }
}

type ApiRow = Extract<TableRow, { name: string }>;

function fieldsOf({ route }: ApiRow): readonly string[] {
  return route.about === 'queue' ? ['queue', ...route.takes] : route.takes;
}
