import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import {
  ApplicationConfig,
  ContextIdFactory,
  ModuleRef,
  ModulesContainer,
  type ContextId,
  type ExternalContextCreator,
} from '@nestjs/core';
import { REQUEST_CONTEXT_ID } from '@nestjs/core/router/request/request-constants.js';
import { isObservable } from 'rxjs';
import { unfitForBatch } from '../core/batch-results.js';
import { ConfigurationError } from '../core/errors/option-errors.js';
import type { BatchHandling } from '../core/handler.js';
import { showMembers } from '../core/shown-members.js';
import type { Job } from '../core/job-view.js';
import { inTurn, validate, type StandardSchemaV1, type Validated } from '../core/standard-schema.js';
import { PARAMETERS_METADATA, PAYLOAD_PARAMETER } from '../decorators/payload.decorator.js';
import { listOfPayloads } from '../decorators/payload-schema.pipe.js';
import type { GlobalEnhancerKind } from '../options/options.js';
import type { DecoratedMethod } from './decorated-method.js';
import { EnhancerInspector } from './enhancer-inspector.js';
import { hasGlobalEnhancers, selectGlobalEnhancers } from './global-enhancers.js';
import { createTaskContextCreator, invalidPayload } from './task-context-creator.js';
import { TASK_CONTEXT } from './task-context.js';

/** What a handler is called with: its job, or the jobs of its batch. */
type Given = Job | readonly Job[];
export type Invoke<G extends Given = Job> = (given: G) => unknown;
type Instance = Record<string, (...args: unknown[]) => unknown>;

const parameters = {
  exchangeKeyForValue(type: number, property: unknown, [job]: [Job]): unknown {
    return type === PAYLOAD_PARAMETER ? payloadOf(job, property) : undefined;
  },
};

/** Of a batch: arrays, by position. */
const batchParameters = {
  exchangeKeyForValue(type: number, property: unknown, [jobs]: [readonly Job[]]): unknown {
    return type === PAYLOAD_PARAMETER ? listOfPayloads(jobs.map((job) => payloadOf(job, property))) : undefined;
  },
};

function payloadOf({ payload }: Job, property: unknown): unknown {
  return typeof property === 'string' ? (payload as Record<string, unknown> | null | undefined)?.[property] : payload;
}

/** Makes one function of a decorated method and everything that has to run around it: once, at boot. */
@Injectable()
export class HandlerInvoker {
  private readonly inspector = new EnhancerInspector();

  constructor(
    private readonly modules: ModulesContainer,
    private readonly config: ApplicationConfig,
  ) {}

  /**
   * @param schema of the handler's definition: checks the payload before anything else runs
   * @throws ConfigurationError where Nest would skip an enhancer, or has no instance to call
   */
  compile(method: DecoratedMethod, globals: readonly GlobalEnhancerKind[], schema?: StandardSchemaV1): Invoke {
    const invoke = this.compileCall<Job>(method, globals, 'job');
    return schema ? checkFirst(schema, invoke) : invoke;
  }

  /**
   * The same for a method that takes batches: everything around it runs once for each call. What schemas refuse does not reach it.
   * @throws ConfigurationError
   */
  compileBatch(
    method: DecoratedMethod,
    globals: readonly GlobalEnhancerKind[],
    schema?: StandardSchemaV1,
  ): Pick<BatchHandling<Job>, 'check' | 'invoke'> {
    const checked = inTurn(schema, method.payloadSchemas);
    return {
      check: checked && checkFirst(checked, () => undefined),
      invoke: this.compileCall<readonly Job[]>(method, globals, 'batch'),
    };
  }

  private compileCall<G extends Given>(
    method: DecoratedMethod,
    globals: readonly GlobalEnhancerKind[],
    kind: 'job' | 'batch',
  ): Invoke<G> {
    const selected = selectGlobalEnhancers(this.config, globals);
    const needs = this.inspector.inspect(method, selected.getGlobalPipes(), kind);
    const enhanced = needs.parameters || needs.enhancers || hasGlobalEnhancers(selected);
    // A creator per handler: in Nest 11 it remembers parameters by the name of a class, which two classes may share.
    const creator = enhanced ? createTaskContextCreator(this.modules, selected) : undefined;
    return method.isStatic
      ? this.compileStatic<G>(method, creator, kind)
      : this.compileScoped<G>(method, creator, kind);
  }

  private compileStatic<G extends Given>(
    method: DecoratedMethod,
    creator: ExternalContextCreator | undefined,
    kind: 'job' | 'batch',
  ): Invoke<G> {
    const instance = instanceOf(method);
    const name = method.method;
    if (creator) return around(creator, instance, method, kind, method.standsIn);
    // Looked up at each call, so that a spy put on the instance later is called. Its name keeps it out of stored stacks.
    return function invokeHandlerOfTaskQueue(given) {
      return instance[name](given);
    };
  }

  /** One instance per call, with the job or jobs as `REQUEST`; a durable one per what the app's strategy makes of them. */
  private compileScoped<G extends Given>(
    method: DecoratedMethod,
    creator: ExternalContextCreator | undefined,
    kind: 'job' | 'batch',
  ): Invoke<G> {
    const { wrapper, host } = method;
    const moduleRef = host.providers.get(ModuleRef)?.instance as ModuleRef | undefined;
    if (!moduleRef) throw new ConfigurationError(`${method.label}: ${host.name} has no ModuleRef to resolve it by.`);
    const durable = wrapper.isDependencyTreeDurable();
    const token = wrapper.token;
    return async (given) => {
      const contextId = openContext(moduleRef, given, durable);
      const instance = await moduleRef.resolve<Instance>(token as string, contextId, { strict: true });
      if (method.standsIn && typeof instance[method.method] !== 'function') {
        throw new ConfigurationError(
          `${method.label}: what is provided in place of ${method.classRef.name} in ${host.name} has no such method.`,
        );
      }
      if (!creator) return instance[method.method](given);
      const standsIn = method.standsIn && !(instance instanceof method.classRef);
      return around(creator, instance, method, kind, standsIn, contextId, wrapper.id)(given);
    };
  }
}

showMembers(HandlerInvoker);

/** @param standsIn Nest finds guards and parameters by the class, and the instance is of another one */
function around(
  creator: ExternalContextCreator,
  instance: Instance,
  { classRef, method, decorated, label }: DecoratedMethod,
  kind: 'job' | 'batch',
  standsIn: boolean,
  contextId?: ContextId,
  inquirerId?: string,
): (given: Given) => unknown {
  const options = { guards: true, interceptors: true, filters: true };
  const host = standsIn ? (Object.create(classRef.prototype as object) as Instance) : instance;
  return creator.create(
    host,
    forward(instance, method, decorated, kind === 'batch' ? label : undefined),
    method,
    PARAMETERS_METADATA,
    kind === 'batch' ? batchParameters : parameters,
    contextId,
    inquirerId,
    options,
    TASK_CONTEXT,
  );
}

/**
 * Looks the method up at each call, so that a spy put on the instance later is called, and has the metadata of
 * `decorated` for Nest and for `context.getHandler()`.
 * @param batchLabel of a method that takes batches
 */
function forward(
  instance: Instance,
  name: string,
  decorated: Instance[string],
  batchLabel: string | undefined,
): Instance[string] {
  const call =
    batchLabel === undefined
      ? (...args: unknown[]): unknown => instance[name](...args)
      : async (...args: unknown[]): Promise<unknown> => refuseObservable(await instance[name](...args), batchLabel);
  Object.defineProperty(call, 'name', { value: name });
  for (const key of Reflect.getOwnMetadataKeys(decorated) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, decorated), call);
  }
  return call;
}

/** Interceptors would make its last value of it, and progress would have no job. */
function refuseObservable(returned: unknown, label: string): unknown {
  if (isObservable(returned)) throw unfitForBatch(label, 'an Observable');
  return returned;
}

/** As Nest's router does for a request, so that `ContextIdFactory.getByRequest(job)` finds this very context. */
function openContext(moduleRef: ModuleRef, given: Given, durable: boolean): ContextId {
  const contextId = ContextIdFactory.getByRequest(given as Given & Record<string, unknown>);
  Object.defineProperty(given, REQUEST_CONTEXT_ID, { value: contextId, configurable: true });
  moduleRef.registerRequestByContextId(durable ? contextId.payload : given, contextId);
  return contextId;
}

function instanceOf(method: DecoratedMethod): Instance {
  const instance = method.wrapper.instance as Instance | undefined | null;
  if (instance && typeof instance[method.method] === 'function') return instance;
  throw new ConfigurationError(
    `${method.label}: Nest made no instance of ${method.classRef.name} (${method.place}), so its jobs could never run.`,
  );
}

function checkFirst(schema: StandardSchemaV1, invoke: Invoke): Invoke {
  const run = (job: Job, checked: Validated<unknown>): unknown => {
    if (!checked.ok) throw invalidPayload(job, checked.issues);
    // The handler gets the schema's output; what is stored stays as it is, for the next attempt to check again.
    if (checked.value !== job.payload) (job as { payload: unknown }).payload = checked.value;
    return invoke(job);
  };
  return (job) => {
    const checked = validate(schema, job.payload);
    return checked instanceof Promise ? checked.then((result) => run(job, result)) : run(job, checked);
  };
}
