import { Injectable, Logger, type Type } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { ConfigurationError } from '../core/errors.js';
import type { DecoratedMethod, HostModule, ProviderWrapper } from './decorated-method.js';
import { MetadataAccessor } from './metadata-accessor.js';

interface Found {
  wrapper: ProviderWrapper;
  host: HostModule;
  classRef: Type<object>;
  kind: 'provider' | 'controller';
}

/** Finds every decorated method of every provider and controller of the app. */
@Injectable()
export class Explorer {
  private readonly accessor = new MetadataAccessor();
  private readonly logger = new Logger('TaskQueueModule');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** @throws ConfigurationError where a decorator stands on something that can never become a handler */
  explore(): DecoratedMethod[] {
    const found = [
      ...this.discovery.getProviders().map((wrapper) => this.recognise(wrapper, 'provider')),
      ...this.discovery.getControllers().map((wrapper) => this.recognise(wrapper, 'controller')),
    ].filter((one) => one !== undefined);
    return this.oncePerProvider(found).flatMap((one) => this.methodsOf(one));
  }

  /** Whether a class that Nest will make declares handlers: told before it has made any. */
  seesHandlers(): boolean {
    return [...this.discovery.getProviders(), ...this.discovery.getControllers()].some((wrapper) => {
      const prototype = classOf(wrapper)?.prototype as object | undefined;
      return prototype !== undefined && this.accessor.declaresHandlers(prototype);
    });
  }

  private recognise(wrapper: ProviderWrapper, kind: Found['kind']): Found | undefined {
    // An alias (useExisting) is a second name of a provider that is found under its first.
    if (wrapper.isAlias || !wrapper.host) return undefined;
    const classRef = classOf(wrapper);
    if (!classRef || !this.accessor.concerns(classRef.prototype as object, classRef)) return undefined;
    this.refuseLostDecorators(classRef);
    return { wrapper, host: wrapper.host, classRef, kind };
  }

  /**
   * The same class under the same token in two modules is one mistake of wiring, not two handlers: the first in Nest's
   * order runs the jobs. Under different tokens they are different providers, and duplicates are told by the registry.
   */
  private oncePerProvider(found: readonly Found[]): Found[] {
    const kept = new Map<unknown, Found[]>();
    for (const one of found) {
      const others = kept.get(one.classRef) ?? [];
      const twin = others.find((other) => other.wrapper.token === one.wrapper.token && other.kind === one.kind);
      if (!twin) kept.set(one.classRef, [...others, one]);
      else if (twin.host !== one.host) {
        this.logger.warn(
          `${one.classRef.name} is provided in ${twin.host.name} and in ${one.host.name}, so it has two instances. ` +
            `Its handlers run on the one of ${twin.host.name}; export it from there and import that module instead.`,
        );
      }
    }
    return [...kept.values()].flat();
  }

  private methodsOf({ wrapper, host, classRef, kind }: Found): DecoratedMethod[] {
    const prototype = classRef.prototype as Record<string, unknown>;
    const token = wrapper.token as unknown;
    const methods: DecoratedMethod[] = [];
    for (const method of this.scanner.getAllMethodNames(prototype)) {
      const implementation = prototype[method] as (...args: unknown[]) => unknown;
      const processors = this.accessor.processorsOf(implementation);
      const schedules = this.accessor.schedulesOf(implementation);
      const queueEvents = this.accessor.queueEventsOf(implementation);
      if (processors.length + schedules.length + queueEvents.length === 0) continue;
      methods.push({
        wrapper,
        host,
        classRef,
        method,
        label: `${classRef.name}.${method}`,
        place: token === classRef ? host.name : `"${describeToken(token)}" of ${host.name}`,
        kind,
        isStatic: wrapper.isDependencyTreeStatic() && !wrapper.isTransient,
        payloadSchemas: this.accessor.payloadSchemasOf(classRef, method),
        processors,
        schedules,
        queueEvents,
      });
    }
    return methods;
  }

  /** A handler that silently does not exist is a queue that nobody works off. */
  private refuseLostDecorators(classRef: Type<object>): void {
    for (const owner of [classRef, ...ancestorsOf(classRef)]) {
      for (const { method, decorator } of this.accessor.declaredOn(owner)) {
        if (method === undefined) {
          throw new ConfigurationError(
            `${decorator} stands on the class ${owner.name}; here it belongs on a method, one for each queue or job name. ` +
              'See "Moving from @nestjs/bullmq" (docs/guides/moving-from-nestjs-bullmq.md).',
          );
        }
        throw new ConfigurationError(
          `${decorator} on ${owner.name}.${String(method)}: a static method belongs to no provider. Make it an instance method.`,
        );
      }
      const prototype = owner.prototype as object;
      for (const { method, decorator } of this.accessor.declaredOn(prototype)) {
        const place = `${decorator} on ${owner.name}.${String(method)}`;
        const implementation: unknown =
          typeof method === 'string' ? Reflect.getOwnPropertyDescriptor(prototype, method)?.value : undefined;
        if (typeof implementation !== 'function') {
          throw new ConfigurationError(`${place}: only a method with a plain name can be a handler.`);
        }
        if (!this.accessor.carries(implementation, decorator)) {
          throw new ConfigurationError(
            `${place} is lost: a decorator above it put another function in the method's place. Write ${decorator} above that one.`,
          );
        }
      }
    }
  }
}

/** The class of what Nest provides: its own, or that of the instance that a factory or value gave. */
function classOf(wrapper: ProviderWrapper): Type<object> | undefined {
  const metatype = wrapper.metatype as Type<object> | null;
  if (!wrapper.isNotMetatype) return metatype?.prototype ? metatype : undefined;
  const instance: unknown = wrapper.instance;
  if (typeof instance !== 'object' || instance === null) return undefined;
  const prototype = Object.getPrototypeOf(instance) as { constructor?: unknown } | null;
  const classRef = prototype?.constructor;
  // A plain object, or one that a mocking library made up, has no class with decorators.
  if (typeof classRef !== 'function' || classRef === Object || classRef.prototype !== prototype) return undefined;
  return classRef as Type<object>;
}

function ancestorsOf(classRef: Type<object>): Type<object>[] {
  const ancestors: Type<object>[] = [];
  let parent = Object.getPrototypeOf(classRef) as Type<object> | null;
  while (typeof parent === 'function' && parent.prototype) {
    ancestors.push(parent);
    parent = Object.getPrototypeOf(parent) as Type<object> | null;
  }
  return ancestors;
}

function describeToken(token: unknown): string {
  return typeof token === 'function' ? token.name : String(token);
}
