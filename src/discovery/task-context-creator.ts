import type { ArgumentsHost } from '@nestjs/common';
import {
  ExternalContextCreator,
  type ApplicationConfig,
  type ModulesContainer,
  type NestContainer,
} from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { InvalidPayloadError } from '../core/errors/enqueue-errors.js';
import { controlFlowOf, CONTROL_FLOW, type ControlFlow } from '../core/handler.js';
import type { Job } from '../core/job-view.js';
import type { SchemaIssue } from '../core/standard-schema.js';
import { PayloadMismatch } from '../decorators/payload-schema.pipe.js';
import { besideOwn, OwnFailure } from './own-failure.js';
import { lastValue } from './last-value.js';

type Call = (...args: unknown[]) => Promise<unknown>;

interface FilterChain {
  /** Nothing: no filter took the exception. */
  invokeCustomFilters(exception: unknown, host: ArgumentsHost): unknown;
}

interface ErrorProxy {
  createProxy(
    target: Call,
    handler: { next(exception: unknown, host: ArgumentsHost): Promise<unknown> },
    type: string,
  ): Call;
}

/** The two inner parts of Nest's creator that jobs need otherwise, the same in Nest 11 and 12. */
interface CreatorParts {
  interceptorsConsumer: {
    intercept(
      interceptors: readonly unknown[],
      args: unknown[],
      instance: object,
      callback: unknown,
      next: () => Promise<unknown>,
      type: string,
    ): Promise<unknown>;
  };
  externalErrorProxy: ErrorProxy;
}

/**
 * Nest's creator of guards → interceptors → pipes → handler → filters, with the global enhancers of `config` alone, and
 * with what a job needs beyond an HTTP call: the values of an Observable are progress, and a filter decides only about
 * failures.
 */
export function createTaskContextCreator(modules: ModulesContainer, config: ApplicationConfig): ExternalContextCreator {
  // All that Nest's context creators ask of the container: the app's own would bring every global enhancer with it.
  const container = { applicationConfig: config, getModules: () => modules } as unknown as NestContainer;
  const creator = ExternalContextCreator.fromContainer(container);
  const parts = creator as unknown as CreatorParts;

  const consumer = parts.interceptorsConsumer;
  const intercept = consumer.intercept.bind(consumer);
  consumer.intercept = async (interceptors, args, instance, callback, next, type) => {
    const own = interceptors.length > 0 ? new OwnFailure(next) : undefined;
    try {
      const result = await intercept(interceptors, args, instance, callback, own?.next ?? next, type);
      // Nest itself would keep only the last value.
      if (!isObservable(result)) return result;
      const [given] = args as [Job | readonly Job[]];
      return isBatch(given) ? await lastValueFrom(result, NOTHING) : await lastValue(result, given);
    } catch (error) {
      throw own === undefined ? error : own.beside(error);
    }
  };

  const proxy = parts.externalErrorProxy;
  parts.externalErrorProxy = {
    createProxy: (target, filters, type) =>
      proxy.createProxy(
        target,
        { next: (thrown, host) => filterFailure(thrown, host, filters as unknown as FilterChain) },
        type,
      ),
  };
  return creator;
}

const NOTHING = { defaultValue: undefined };

function isBatch(given: Job | readonly Job[]): given is readonly Job[] {
  return Array.isArray(given);
}

/** A value, a promise or an Observable from a filter is the job's result; nothing from it passes the failure on. */
async function filterFailure(thrown: unknown, host: ArgumentsHost, filters: FilterChain): Promise<unknown> {
  const given = host.getArgByIndex<Job | readonly Job[]>(0);
  const job = isBatch(given) ? given[0] : given;
  if (thrown instanceof PayloadMismatch) {
    // Behind other pipes nobody knows whose payload it was: the other jobs of a batch must not die of it.
    if (isBatch(given)) throw new InvalidPayloadError(job.queue, job.name, thrown.issues);
    throw invalidPayload(job, thrown.issues);
  }
  // Snooze, cancel and bury are decisions, not failures: a catch-all filter would make successes of them.
  if (controlFlowOf(thrown) !== undefined) throw thrown;
  let answer: unknown;
  try {
    // Not Nest's own `next`, which also logs what it passes on: the worker logs a job that dies, once.
    answer = await filters.invokeCustomFilters(thrown, host);
    if (isObservable(answer)) return await lastValueFrom(answer, NOTHING);
  } catch (failure) {
    throw besideOwn(thrown, failure, job);
  }
  // Nest 11 says null where no filter took it, Nest 12 says undefined: neither makes a success of a failure.
  if (answer === undefined || answer === null) throw thrown;
  return answer;
}

/** Dead at once: another attempt can not mend a payload. */
export function invalidPayload(job: Job, issues: readonly SchemaIssue[]): InvalidPayloadError {
  const flow: ControlFlow = { kind: 'bury', reason: 'invalid-payload' };
  return Object.assign(new InvalidPayloadError(job.queue, job.name, issues), { [CONTROL_FLOW]: flow });
}
