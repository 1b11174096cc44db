import type { Type } from '@nestjs/common';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { guidePage } from '../core/guide-page.js';
import type { DeclaredDecorator } from '../decorators/append-metadata.js';
import { MetadataAccessor, type CarriedMetadata, type Method } from './metadata-accessor.js';

/** A method of a class and what its decorators say. */
export interface ReadMethod extends CarriedMetadata {
  name: string;
}

/** What decorators of this package say of one class. */
export interface ReadClass {
  methods: readonly ReadMethod[];
  /** Methods whose decorators count for nothing, because a class that extends theirs wrote the method anew without any. */
  dropped: readonly { name: string; by: string; from: string; decorators: readonly string[] }[];
}

/** Reads the handlers, schedules and listeners of a class and of those that it extends. */
export class ClassReader {
  private readonly accessor = new MetadataAccessor();

  /** @throws ConfigurationError where a decorator stands on something that can never become a handler */
  read(classRef: Type<object>): ReadClass {
    const chain = [classRef, ...ancestorsOf(classRef)];
    for (const owner of chain) this.refuseMisplaced(owner);
    const methods: ReadMethod[] = [];
    const dropped: ReadClass['dropped'][number][] = [];
    const seen = new Set<string>();
    for (const [depth, owner] of chain.entries()) {
      const prototype = owner.prototype as object;
      for (const name of Object.getOwnPropertyNames(prototype)) {
        if (name === 'constructor' || seen.has(name)) continue;
        seen.add(name);
        const implementation: unknown = Reflect.getOwnPropertyDescriptor(prototype, name)?.value;
        const carried = this.carriedBy(implementation, name, chain.slice(depth));
        if (carried !== undefined) {
          methods.push({ name, ...carried });
          continue;
        }
        const from = chain.slice(depth + 1).find((ancestor) => this.declarationsOf(ancestor, name).length > 0);
        if (from === undefined) continue;
        const decorators = this.declarationsOf(from, name).map(({ decorator }) => decorator);
        dropped.push({ name, by: owner.name, from: from.name, decorators });
      }
    }
    return { methods, dropped };
  }

  private carriedBy(
    implementation: unknown,
    name: string,
    chain: readonly Type<object>[],
  ): CarriedMetadata | undefined {
    if (typeof implementation !== 'function') return undefined;
    if (!isSpy(implementation)) return this.accessor.carriedBy(implementation as Method);
    // A test put a spy in the method's place: it is called, and the decorators of the method are its own.
    for (const owner of chain) {
      const [declared] = this.declarationsOf(owner, name);
      if (declared !== undefined) return this.accessor.carriedBy(declared.decorated as Method);
    }
    return undefined;
  }

  private declarationsOf(owner: Type<object>, name: string): readonly DeclaredDecorator[] {
    const declared = this.accessor.declaredOn(owner.prototype as object);
    return declared.filter(({ method, place }) => method === name && place === 'method');
  }

  /** A handler that silently does not exist is a queue that nobody works off. */
  private refuseMisplaced(owner: Type<object>): void {
    for (const { method, decorator, place } of this.accessor.declaredOn(owner)) {
      if (place === 'class') {
        throw new ConfigurationError(
          `${decorator} stands on the class ${owner.name}; here it belongs on a method, one for each queue or job name. ` +
            `See "Moving from @nestjs/bullmq": ${guidePage('moving-from-nestjs-bullmq')}`,
        );
      }
      throw new ConfigurationError(
        method === undefined
          ? `${decorator} stands on a parameter of the constructor of ${owner.name}. It belongs on a method.`
          : `${decorator} on ${owner.name}.${String(method)}: a static ${place} belongs to no provider. Make it an instance method.`,
      );
    }
    const prototype = owner.prototype as object;
    for (const declared of this.accessor.declaredOn(prototype)) {
      const { method, decorator } = declared;
      const at = `${decorator} on ${owner.name}.${String(method)}`;
      const reason = REFUSALS[declared.place];
      if (reason !== undefined) throw new ConfigurationError(`${at}${reason}`);
      if (typeof method !== 'string') {
        throw new ConfigurationError(
          `${at}: only a method with a plain name can be a handler. Give it a name that is a text.`,
        );
      }
      if (isGenerator(declared.decorated)) {
        throw new ConfigurationError(
          `${at}: a generator (function*) is no handler, because nobody would read what it yields. Make it a plain or an async method; ` +
            'for progress call job.progress(), or return an Observable.',
        );
      }
      const implementation: unknown = Reflect.getOwnPropertyDescriptor(prototype, method)?.value;
      if (!this.accessor.carries(implementation, decorator) && !isSpy(implementation)) {
        throw new ConfigurationError(
          `${at} is lost: a decorator above it put another function in the method's place. Write ${decorator} above that one.`,
        );
      }
    }
  }
}

const REFUSALS: Partial<Record<DeclaredDecorator['place'], string>> = {
  accessor: ': an accessor (get, set) is no handler. Make it a method.',
  property:
    ': a property is no handler, also where it holds an arrow function, because decorators cannot see its value. Make it a method.',
  parameter: ': it stands on a parameter. It belongs on the method.',
};

/** Also of another realm; one that the compiler wrote as a plain function is recognized by what it returns. */
function isGenerator(method: unknown): boolean {
  return /Generator/.test(Object.prototype.toString.call(method));
}

/** What `spyOn` of Jest, Vitest, `node:test` and Sinon puts in the place of a method. */
function isSpy(method: unknown): boolean {
  if (typeof method !== 'function') return false;
  const { mock, isSinonProxy } = method as { mock?: unknown; isSinonProxy?: unknown };
  return (typeof mock === 'object' && mock !== null) || isSinonProxy === true;
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
