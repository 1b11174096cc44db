import type { Type } from '@nestjs/common';
import type { HostModule, ProviderWrapper } from './decorated-method.js';
import { MetadataAccessor } from './metadata-accessor.js';

/** One provider or controller with decorators of this package, whatever way it is provided. */
export interface Recognized {
  wrapper: ProviderWrapper;
  host: HostModule;
  kind: 'provider' | 'controller';
  /** The class that carries the decorators. */
  classRef: Type<object>;
  /** Another thing stands in for that class under its token: a test's mock, say. Its methods are called. */
  standsIn: boolean;
}

/** Finds the class with decorators that a provider is of. */
export class ProviderRecognizer {
  private readonly accessor = new MetadataAccessor();

  recognize(wrapper: ProviderWrapper, kind: Recognized['kind']): Recognized | undefined {
    const { host } = wrapper;
    // An alias (useExisting) is a second name of a provider that is found under its first.
    if (wrapper.isAlias || !host) return undefined;
    const classRef = classOf(wrapper);
    if (classRef !== undefined && this.accessor.concerns(classRef)) {
      return { wrapper, host, kind, classRef, standsIn: false };
    }
    // Nest's tests replace what is provided under a token, and what a scoped factory will make nobody can know: the
    // token's class says which methods are to be called.
    const token: unknown = wrapper.token;
    if (!isClass(token) || token === classRef || !this.accessor.concerns(token)) return undefined;
    return { wrapper, host, kind, classRef: token, standsIn: true };
  }

  /** Whether it declares handlers: known before Nest has made any instance. */
  declaresHandlers(wrapper: ProviderWrapper): boolean {
    return [classOf(wrapper), wrapper.token as unknown].some(
      (candidate) => isClass(candidate) && this.accessor.declaresHandlers(candidate.prototype as object),
    );
  }

  /** The class of a value that something else holds, where it has decorators. */
  concernedClassOf(value: unknown): Type<object> | undefined {
    const classRef = classOfInstance(value);
    return classRef !== undefined && this.accessor.concerns(classRef) ? classRef : undefined;
  }
}

/** The class of what Nest provides: its own, or that of the instance that a factory or value gave. */
function classOf(wrapper: ProviderWrapper): Type<object> | undefined {
  const metatype: unknown = wrapper.metatype;
  if (!wrapper.isNotMetatype) return isClass(metatype) ? metatype : undefined;
  const [transient] = wrapper.isTransient ? wrapper.getStaticTransientInstances() : [];
  return classOfInstance(transient?.instance ?? wrapper.instance);
}

/** Of a plain object, or one that a mocking library made up: none. */
function classOfInstance(instance: unknown): Type<object> | undefined {
  if (typeof instance !== 'object' || instance === null) return undefined;
  for (let prototype = parentOf(instance); prototype !== null; prototype = parentOf(prototype)) {
    const { constructor } = prototype as { constructor?: unknown };
    if (isClass(constructor) && constructor.prototype === prototype)
      return (constructor as unknown) === Object ? undefined : constructor;
  }
  return undefined;
}

function isClass(value: unknown): value is Type<object> {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
}

function parentOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}
