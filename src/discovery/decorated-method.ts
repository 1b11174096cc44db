import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { CarriedMetadata } from './metadata-accessor.js';

/** Nest exports these two only by their use. */
export type HostModule = ModulesContainer extends Map<string, infer M> ? M : never;
export type ProviderWrapper = HostModule['providers'] extends Map<unknown, infer W> ? W : never;

/** One method that carries a decorator of this package, on one provider or controller that Nest knows. */
export interface DecoratedMethod extends CarriedMetadata {
  wrapper: ProviderWrapper;
  host: HostModule;
  /** The concrete class, which may have inherited the method. */
  classRef: Type<object>;
  method: string;
  /** `Class.method`, for logs and errors. */
  label: string;
  /** Where the provider stands, for errors: `AppModule`, or `"TOKEN" of AppModule`. */
  place: string;
  kind: 'provider' | 'controller';
  /** One instance for all jobs; else one per job. */
  isStatic: boolean;
  /** What is provided is not of {@link classRef} and has its method: a test's mock, say. */
  standsIn: boolean;
  /** Nothing is called: what stands in for {@link classRef} lacks the method. */
  isMissing: boolean;
  /** What checks its payload as it is stored: schemas of `@Payload(schema)`, where no pipe comes before them. */
  payloadSchemas: readonly StandardSchemaV1[];
}

/** Two methods side by side, for errors; with the place of each where their names are the same. */
export function nameBoth(one: DecoratedMethod, other: DecoratedMethod): [string, string] {
  if (one.label !== other.label) return [one.label, other.label];
  if (one.place !== other.place) return [`${one.label} (${one.place})`, `${other.label} (${other.place})`];
  return [`${one.label} (${one.place})`, `another ${other.label} there`];
}

/** A sentence for errors, where two classes of one name might be taken for one; else ''. */
export function describeNamesakes(one: DecoratedMethod, other: DecoratedMethod): string {
  if (one.label !== other.label || one.classRef === other.classRef) return '';
  const { name } = one.classRef;
  return `These are two classes that are both called ${name}: one in ${one.place}, one in ${other.place}. `;
}

/** The class that both have their method from; undefined where each has one of its own. */
export function baseOfBoth(one: DecoratedMethod, other: DecoratedMethod): string | undefined {
  if (one.method !== other.method || one.classRef === other.classRef) return undefined;
  const owner = ownerOf(one);
  return owner !== undefined && owner === ownerOf(other) ? (owner.constructor as Type<object>).name : undefined;
}

function ownerOf({ classRef, method }: DecoratedMethod): object | undefined {
  let owner: object | null = classRef.prototype as object;
  while (owner !== null && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner) as object | null;
  return owner ?? undefined;
}
