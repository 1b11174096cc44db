import type { Type } from '@nestjs/common';
import { CLASS_MARKS, INJECTED_PARAMETERS, PARAMETER_TYPES } from './nest-metadata.js';

/** What to say of a class whose constructor takes what Nest will not inject; undefined of all others. */
export function missingInjection(classRef: Type<object>): string | undefined {
  if (classRef.length === 0 || Reflect.hasMetadata(PARAMETER_TYPES, classRef)) return undefined;
  const injected = (Reflect.getMetadata(INJECTED_PARAMETERS, classRef) ?? []) as readonly { index: number }[];
  const named = new Set(injected.map(({ index }) => index));
  if (Array.from({ length: classRef.length }, (_, index) => index).every((index) => named.has(index))) return undefined;
  const remedy = CLASS_MARKS.some((mark) => Reflect.hasMetadata(mark, classRef))
    ? 'the compiler writes no types: set "emitDecoratorMetadata": true in the tsconfig.json that compiles it, or write @Inject(…) before ' +
      'each parameter'
    : '@Injectable() is missing: write it above the class';
  return `Nest injects nothing into the constructor of ${classRef.name}, so its decorated methods would find undefined there: ${remedy}.`;
}
