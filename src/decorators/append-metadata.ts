import 'reflect-metadata';
import { DECLARED_METADATA } from '../core/constants.js';
import { rememberClass } from './decorated-classes.js';
import { refuseStandardDecorator } from './decorator-mode.js';

/**
 * Adds `entry` to the list kept under `key` on the method itself, so that a decorator applied twice counts twice and an
 * override without the decorator drops out.
 */
export function appendMetadata(key: string, entry: unknown, decorator: string): MethodDecorator {
  return (target, method, descriptor) => {
    refuseStandardDecorator(decorator, method);
    const decorated: unknown = (descriptor as PropertyDescriptor | undefined)?.value;
    // Read back by the explorer: a decorator above this one may have put another function in this one's place, and much
    // else that carries a decorator never becomes a handler; all of it has to be told, not ignored.
    const declared: DeclaredDecorator = { method, decorator, place: placeOf(method, descriptor), decorated };
    if (!Reflect.hasOwnMetadata(DECLARED_METADATA, target)) rememberClass(target);
    const others = (Reflect.getOwnMetadata(DECLARED_METADATA, target) ?? []) as DeclaredDecorator[];
    Reflect.defineMetadata(DECLARED_METADATA, [...others, declared], target);

    if (typeof decorated !== 'function') return;
    const entries = (Reflect.getOwnMetadata(key, decorated) ?? []) as unknown[];
    // Decorators run from the bottom up; the list is kept in reading order.
    Reflect.defineMetadata(key, [entry, ...entries], decorated);
  };
}

/** What {@link appendMetadata} leaves on the class: where a decorator of this package was written. */
export interface DeclaredDecorator {
  /** Undefined where it was written on the class itself: types forbid it, and habit does it. */
  method: string | symbol | undefined;
  /** With its `@`. */
  decorator: string;
  place: 'class' | 'method' | 'accessor' | 'property' | 'parameter';
  /** The method as it was then. */
  decorated: unknown;
}

function placeOf(method: string | symbol | undefined, third: unknown): DeclaredDecorator['place'] {
  if (typeof third === 'number') return 'parameter';
  if (method === undefined) return 'class';
  const descriptor = third as PropertyDescriptor | undefined;
  if (typeof descriptor?.value === 'function') return 'method';
  return descriptor?.get || descriptor?.set ? 'accessor' : 'property';
}
