import { Injectable, Logger, type Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { showMembers } from '../core/shown-members.js';
import { guardLogger } from './guarded-logger.js';
import { ClassReader } from './class-reader.js';
import type { DecoratedMethod, HostModule, ProviderWrapper } from './decorated-method.js';
import { findHiddenProducts } from './hidden-products.js';
import { MetadataAccessor } from './metadata-accessor.js';
import { missingInjection } from './missing-injection.js';
import { ProviderRecognizer, type Recognized } from './provider-recognizer.js';

/** Finds every decorated method of every provider and controller of the app. */
@Injectable()
export class Explorer {
  private readonly accessor = new MetadataAccessor();
  private readonly recognizer = new ProviderRecognizer();
  private readonly reader = new ClassReader();
  private readonly logger = guardLogger(new Logger('TaskQueueModule'));
  /** What was found before: modules may come later. */
  private found: readonly Recognized[] = [];
  private visited: ReadonlySet<HostModule> = new Set();

  constructor(private readonly discovery: DiscoveryService) {}

  /**
   * Methods of the modules that were not there at the call before.
   * @throws ConfigurationError where a decorator stands on something that can never become a handler
   */
  async explore(): Promise<DecoratedMethod[]> {
    const providers = this.discovery.getProviders().filter((wrapper) => this.isNew(wrapper));
    const controllers = this.discovery.getControllers().filter((wrapper) => this.isNew(wrapper));
    const hosts = [...providers, ...controllers].flatMap(({ host }) => host ?? []);
    // First, so that a module that is refused when it is loaded lazily is refused once.
    this.visited = new Set([...this.visited, ...hosts]);
    await Promise.all(providers.map(settleValue));
    const recognized = [
      ...providers.map((wrapper) => this.recognizer.recognize(wrapper, 'provider')),
      ...controllers.map((wrapper) => this.recognizer.recognize(wrapper, 'controller')),
    ].filter((one) => one !== undefined);
    const found = this.oncePerProvider(oncePerInstance(recognized, this.found));
    this.refuseHeldInstances(providers, [...this.found, ...recognized]);
    this.refuseMereEnhancers(providers, [...this.found, ...recognized]);
    this.tellHiddenProducts(providers, [...this.found, ...recognized]);
    const methods = found.flatMap((one) => this.methodsOf(one));
    this.found = [...this.found, ...found];
    return methods;
  }

  /** Whether a class that Nest will make declares handlers: known before Nest has made any instance. */
  seesHandlers(): boolean {
    return [...this.discovery.getProviders(), ...this.discovery.getControllers()].some((wrapper) =>
      this.recognizer.declaresHandlers(wrapper),
    );
  }

  private isNew({ host }: ProviderWrapper): boolean {
    return host !== undefined && !this.visited.has(host);
  }

  /**
   * The same class under the same token in two modules is one mistake of wiring, not two handlers: the first in Nest's
   * order runs the jobs. Under different tokens they are different providers, and the registry finds duplicates.
   */
  private oncePerProvider(recognized: readonly Recognized[]): Recognized[] {
    const kept: Recognized[] = [];
    for (const one of recognized) {
      const twin = [...this.found, ...kept].find(
        ({ classRef, wrapper, kind }) =>
          classRef === one.classRef && wrapper.token === one.wrapper.token && kind === one.kind,
      );
      if (!twin) kept.push(one);
      else if (twin.host !== one.host) this.tellTwin(one, twin);
    }
    return kept;
  }

  private tellTwin({ classRef, host }: Recognized, twin: Recognized): void {
    const [first, second] = [twin.host.name, host.name];
    this.logger.warn(
      first === second
        ? `${classRef.name} is provided twice, because ${first} is imported twice as a dynamic module. Its handlers run on the ` +
            'instance of the first import; provide it in a module that is imported once.'
        : `${classRef.name} is provided in ${first} and in ${second}, so it has two instances. ` +
            `Its handlers run on the one of ${first}; export it from there and import that module instead.`,
    );
  }

  /**
   * An instance that an array or a map of a provider holds is nothing that Nest knows.
   * @throws ConfigurationError unless it is provided for itself, too
   */
  private refuseHeldInstances(providers: readonly ProviderWrapper[], found: readonly Recognized[]): void {
    // By class: of a scoped provider the array holds an instance that nobody else has.
    const known = new Set(found.map(({ classRef }) => classRef));
    for (const wrapper of providers) {
      if (!wrapper.isNotMetatype || wrapper.isAlias) continue;
      for (const held of itemsOf(wrapper.instance)) {
        const classRef = this.recognizer.concernedClassOf(held);
        if (classRef === undefined || known.has(classRef) || this.reader.read(classRef).methods.length === 0) continue;
        throw new ConfigurationError(
          `"${describeToken(wrapper.token)}" of ${wrapper.host?.name} holds a ${classRef.name}, whose decorated methods would never ` +
            `run: only what is provided for itself is found. Add ${classRef.name} to the providers and inject it into the factory.`,
        );
      }
    }
  }

  /** @throws ConfigurationError for a class that is used as a guard, pipe … and is no provider */
  private refuseMereEnhancers(providers: readonly ProviderWrapper[], found: readonly Recognized[]): void {
    const known = new Set(found.map(({ classRef }) => classRef));
    for (const host of new Set(providers.flatMap((wrapper) => wrapper.host ?? []))) {
      for (const wrapper of host.injectables.values()) {
        const one = this.recognizer.recognize(wrapper, 'provider');
        if (one === undefined || known.has(one.classRef) || this.reader.read(one.classRef).methods.length === 0)
          continue;
        throw new ConfigurationError(
          `${one.classRef.name} is used as a guard, interceptor, pipe or filter in ${host.name} and has decorated methods, which would ` +
            `never run: add ${one.classRef.name} to the providers of ${host.name}.`,
        );
      }
    }
  }

  private tellHiddenProducts(providers: readonly ProviderWrapper[], found: readonly Recognized[]): void {
    const recognized = new Set(found.map(({ wrapper }) => wrapper));
    const known = new Set(found.map(({ classRef }) => classRef.name));
    const unknown = providers.filter((wrapper) => !recognized.has(wrapper));
    for (const { wrapper, className } of findHiddenProducts(unknown, known)) {
      this.logger.warn(
        `${className} has decorated methods and is made by "${describeToken(wrapper.token)}" of ${wrapper.host?.name}, a ` +
          `${wrapper.isTransient ? 'transient' : 'request-scoped'} factory: what such a factory makes is not known at boot, so nothing ` +
          `calls these methods for jobs, ticks or events. Provide it under its class: { provide: ${className}, useFactory: … }.`,
      );
    }
  }

  /** Nest injects nothing where it finds no types, and says nothing: the first job would fail on `undefined`. */
  private tellUninjected(wrapper: ProviderWrapper, classRef: Type<object>): void {
    if (wrapper.isNotMetatype || wrapper.metatype !== classRef) return; // a factory gives what the constructor takes
    const missing = missingInjection(classRef);
    if (missing !== undefined) this.logger.warn(missing);
  }

  private methodsOf({ wrapper, host, classRef, kind, standsIn }: Recognized): DecoratedMethod[] {
    const token = wrapper.token as unknown;
    const place = token === classRef ? host.name : `"${describeToken(token)}" of ${host.name}`;
    const isStatic = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
    const { methods, dropped } = this.reader.read(classRef);
    if (methods.length > 0) this.tellUninjected(wrapper, classRef);
    for (const { name, by, from, decorators } of dropped) {
      this.logger.warn(
        `${by}.${name} replaces ${from}.${name} without its ${decorators.join(' and ')}, so nothing calls it for jobs, ticks or events. ` +
          `Write the decorator on ${by}.${name}, too, or remove it from ${from}.${name}.`,
      );
    }
    return methods.map(({ name: method, ...carried }) => {
      const isMissing = standsIn && isStatic && !hasMethod(wrapper.instance, method);
      const label = `${classRef.name}.${method}`;
      if (isMissing) {
        this.logger.warn(
          `${label} is not called here: what is provided in place of ${classRef.name} in ${host.name} has no method "${method}". ` +
            'Its jobs wait, its schedules and events are left out.',
        );
      }
      const payloadSchemas = this.accessor.payloadSchemasOf(classRef, method, carried.decorated);
      return {
        wrapper,
        host,
        classRef,
        method,
        label,
        place,
        kind,
        isStatic,
        standsIn,
        isMissing,
        payloadSchemas,
        ...carried,
      };
    });
  }
}

showMembers(Explorer);

/** A factory may hand on the instance of another provider (`useFactory: (h) => h`): the one that Nest made of a class stays. */
function oncePerInstance(recognized: readonly Recognized[], before: readonly Recognized[]): Recognized[] {
  const instances = new Map<unknown, Recognized>();
  for (const one of [...before, ...recognized]) {
    const instance: unknown = one.wrapper.instance;
    if (typeof instance !== 'object' || instance === null) continue;
    const other = instances.get(instance);
    if (other === undefined || (other.wrapper.isNotMetatype && !one.wrapper.isNotMetatype && !before.includes(other)))
      instances.set(instance, one);
  }
  return recognized.filter((one) => (instances.get(one.wrapper.instance) ?? one) === one);
}

/** Nest awaits the promise of a `useValue` when somebody has it injected; for a handler nobody may. */
async function settleValue(wrapper: ProviderWrapper): Promise<void> {
  const given: unknown = wrapper.instance;
  if (wrapper.async && wrapper.metatype === null && given instanceof Promise) wrapper.instance = (await given) as never;
}

function itemsOf(value: unknown): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value as Iterable<unknown>;
  return value instanceof Map ? (value as Map<unknown, unknown>).values() : [];
}

function hasMethod(instance: unknown, method: string): boolean {
  return typeof (instance as Record<string, unknown> | null | undefined)?.[method] === 'function';
}

function describeToken(token: unknown): string {
  return typeof token === 'function' ? token.name : String(token);
}
