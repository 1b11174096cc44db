import { ConfigurationError } from '../core/errors/option-errors.js';
import type { Handler } from '../core/handler.js';
import type { Job } from '../core/job-view.js';
import { inTurn, type StandardSchemaV1 } from '../core/standard-schema.js';
import type { GivenJobOptions } from '../options/options.js';
import { baseOfBoth, nameBoth, describeNamesakes, type DecoratedMethod } from './decorated-method.js';

/** One handler and the method it came from, so that an error can show both. */
export interface BookedHandler {
  handler: Handler<Job>;
  method: DecoratedMethod;
  /** What its decorator says of its jobs. */
  job: GivenJobOptions;
  /** Of its definition. */
  schema?: StandardSchemaV1 | undefined;
  /** It stands for the ticks of a schedule. */
  ofSchedule?: boolean;
}

/** The handlers of one store, by queue and job name: each pair has one. */
export class HandlerBook {
  private readonly byQueue = new Map<string, BookedHandler[]>();
  private readonly byHandler = new Map<Handler<Job>, BookedHandler>();

  /** Queues with at least one handler. */
  get queues(): readonly string[] {
    return [...this.byQueue.keys()];
  }

  has(queue: string): boolean {
    return this.byQueue.has(queue);
  }

  of(queue: string): readonly BookedHandler[] {
    return this.byQueue.get(queue) ?? [];
  }

  handlersOf(queue: string): Handler<Job>[] {
    return this.of(queue).map(({ handler }) => handler);
  }

  jobOptionsOf(handler: Handler<Job>): GivenJobOptions {
    return this.byHandler.get(handler)?.job ?? {};
  }

  /** The handler of a job name: its own, or the one that takes every other name. */
  find(queue: string, name: string): BookedHandler | undefined {
    const handlers = this.of(queue);
    const own = handlers.find(({ handler }) => handler.name === name);
    return own ?? handlers.find(({ handler }) => handler.name === undefined);
  }

  /** What checks payloads of this job name before they are handled: its definition, then its parameters. */
  schemaOf(queue: string, name: string): StandardSchemaV1 | undefined {
    const booked = this.find(queue, name);
    return booked && inTurn(booked.schema, booked.method.payloadSchemas);
  }

  /** @throws ConfigurationError for a second handler of one job name */
  add(added: BookedHandler): void {
    const { queue, name } = added.handler;
    const others = this.byQueue.get(queue) ?? [];
    const twin = others.find(({ handler }) => handler.name === name);
    if (twin !== undefined) {
      // Several schedules may give their jobs to one method under one name, which a @Processor may have given it.
      if (added.ofSchedule && isOneMethod(twin.method, added.method)) return;
      throw new ConfigurationError(twinMessage(twin.method, added));
    }
    this.byQueue.set(queue, [...others, added]);
    this.byHandler.set(added.handler, added);
  }
}

function isOneMethod(one: DecoratedMethod, other: DecoratedMethod): boolean {
  return one.wrapper === other.wrapper && one.method === other.method;
}

function twinRemedy(one: DecoratedMethod, other: DecoratedMethod): string {
  const base = baseOfBoth(one, other);
  if (base === undefined) return 'Give each a name of its own, { name: "…" }, or remove one.';
  return (
    `It is one method of ${base}, with one decorator for all that inherit it: decorate a method in each class, or let a ` +
    'function that takes the name of the queue make the base class.'
  );
}

function twinMessage(twin: DecoratedMethod, { method, handler: { queue, name } }: BookedHandler): string {
  const jobs = `${name === undefined ? 'every job name' : `job name "${name}"`} of queue "${queue}"`;
  if (isOneMethod(twin, method))
    return `${method.label} takes ${jobs} twice: it has two decorators that say so. Remove one.`;
  const [one, other] = nameBoth(twin, method);
  return `Two handlers take ${jobs}: ${one} and ${other}. ${describeNamesakes(twin, method)}${twinRemedy(twin, method)}`;
}
