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
import { ConfigurationError } from '../core/errors/option-errors.js';
import { showMembers } from '../core/shown-members.js';
import type { Job } from '../core/job-view.js';
import { validate, type StandardSchemaV1, type Validated } from '../core/standard-schema.js';
import { PARAMETERS_METADATA, PAYLOAD_PARAMETER } from '../decorators/payload.decorator.js';
import type { GlobalEnhancerKind } from '../options/options.js';
import type { DecoratedMethod } from './decorated-method.js';
import { EnhancerInspector } from './enhancer-inspector.js';
import { hasGlobalEnhancers, selectGlobalEnhancers } from './global-enhancers.js';
import { createTaskContextCreator, invalidPayload } from './task-context-creator.js';
import { TASK_CONTEXT } from './task-context.js';

export type Invoke = (job: Job) => unknown;
type Instance = Record<string, (...args: unknown[]) => unknown>;

const parameters = {
  exchangeKeyForValue(type: number, property: unknown, [job]: [Job]): unknown {
    if (type !== PAYLOAD_PARAMETER) return undefined;
    const { payload } = job;
    return typeof property === 'string' ? (payload as Record<string, unknown> | null | undefined)?.[property] : payload;
  },
};

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
    const selected = selectGlobalEnhancers(this.config, globals);
    const needs = this.inspector.inspect(method, selected.getGlobalPipes());
    const enhanced = needs.parameters || needs.enhancers || hasGlobalEnhancers(selected);
    // A creator per handler: in Nest 11 it remembers parameters by the name of a class, which two classes may share.
    const creator = enhanced ? createTaskContextCreator(this.modules, selected) : undefined;
    const invoke = method.isStatic ? this.compileStatic(method, creator) : this.compileScoped(method, creator);
    return schema ? checkFirst(schema, invoke) : invoke;
  }

  private compileStatic(method: DecoratedMethod, creator: ExternalContextCreator | undefined): Invoke {
    const instance = instanceOf(method);
    const name = method.method;
    if (creator) return around(creator, instance, method, method.standsIn);
    // Looked up at each call, so that a spy put on the instance later is called. Its name keeps it out of stored stacks.
    return function invokeHandlerOfTaskQueue(job) {
      return instance[name](job);
    };
  }

  /** One instance per job, with the job as `REQUEST`; a durable one per what the app's strategy makes of the job. */
  private compileScoped(method: DecoratedMethod, creator: ExternalContextCreator | undefined): Invoke {
    const { wrapper, host } = method;
    const moduleRef = host.providers.get(ModuleRef)?.instance as ModuleRef | undefined;
    if (!moduleRef) throw new ConfigurationError(`${method.label}: ${host.name} has no ModuleRef to resolve it by.`);
    const durable = wrapper.isDependencyTreeDurable();
    const token = wrapper.token;
    return async (job) => {
      const contextId = openContext(moduleRef, job, durable);
      const instance = await moduleRef.resolve<Instance>(token as string, contextId, { strict: true });
      if (method.standsIn && typeof instance[method.method] !== 'function') {
        throw new ConfigurationError(
          `${method.label}: what is provided in place of ${method.classRef.name} in ${host.name} has no such method.`,
        );
      }
      if (!creator) return instance[method.method](job);
      const standsIn = method.standsIn && !(instance instanceof method.classRef);
      return around(creator, instance, method, standsIn, contextId, wrapper.id)(job);
    };
  }
}

showMembers(HandlerInvoker);

/** @param standsIn Nest finds guards and parameters by the class, and the instance is of another one */
function around(
  creator: ExternalContextCreator,
  instance: Instance,
  { classRef, method, decorated }: DecoratedMethod,
  standsIn: boolean,
  contextId?: ContextId,
  inquirerId?: string,
): Invoke {
  const options = { guards: true, interceptors: true, filters: true };
  const host = standsIn ? (Object.create(classRef.prototype as object) as Instance) : instance;
  return creator.create(
    host,
    forward(instance, method, decorated),
    method,
    PARAMETERS_METADATA,
    parameters,
    contextId,
    inquirerId,
    options,
    TASK_CONTEXT,
  );
}

/**
 * Looks the method up at each call, so that a spy put on the instance later is called, and has the metadata of
 * `decorated` for Nest and for `context.getHandler()`.
 */
function forward(instance: Instance, name: string, decorated: Instance[string]): Instance[string] {
  const call = (...args: unknown[]): unknown => instance[name](...args);
  Object.defineProperty(call, 'name', { value: name });
  for (const key of Reflect.getOwnMetadataKeys(decorated) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, decorated), call);
  }
  return call;
}

/** As Nest's router does for a request, so that `ContextIdFactory.getByRequest(job)` finds this very context. */
function openContext(moduleRef: ModuleRef, job: Job, durable: boolean): ContextId {
  const contextId = ContextIdFactory.getByRequest(job as Job & Record<string, unknown>);
  Object.defineProperty(job, REQUEST_CONTEXT_ID, { value: contextId, configurable: true });
  moduleRef.registerRequestByContextId(durable ? contextId.payload : job, contextId);
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
