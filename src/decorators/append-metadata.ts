import 'reflect-metadata';
import { DECLARED_METADATA } from '../task-queue.constants.js';

/**
 * Adds `entry` to the list kept under `key` on the method itself, so that a decorator applied twice counts twice and an
 * override without the decorator drops out.
 */
export function appendMetadata(key: string, entry: unknown, decorator: string): MethodDecorator {
  return (target, method, descriptor) => {
    // Read back by the explorer: a decorator above this one may have put another function in this one's place, and a
    // static method or a property never becomes a handler; both have to be told, not ignored.
    const declared = (Reflect.getOwnMetadata(DECLARED_METADATA, target) ?? []) as unknown[];
    Reflect.defineMetadata(DECLARED_METADATA, [...declared, { method, decorator }], target);

    const decorated: unknown = (descriptor as PropertyDescriptor | undefined)?.value;
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
}
