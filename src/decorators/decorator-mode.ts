import { describeValue } from '../core/errors/described-value.js';
import { ConfigurationError } from '../core/errors/option-errors.js';

/** The part of a standard decorator's second argument that says what it stands on. */
interface StandardContext {
  kind: string;
  name?: string | symbol;
}

/**
 * A decorator that was compiled as a standard one (TC39) gets other arguments and finds no class: what it writes would be
 * lost, and the method would never run.
 * @param decorator with its `@`
 * @param second what the decorator got second: the name of a member, or that context
 * @throws ConfigurationError with the option of the compiler
 */
export function refuseStandardDecorator(decorator: string, second: unknown): void {
  if (!isStandardContext(second)) return;
  const { kind, name } = second;
  throw new ConfigurationError(
    `${decorator} on ${kind} ${name === undefined ? '' : `"${String(name)}" `}was compiled as a standard decorator, and Nest reads ` +
      'the older kind. Set "experimentalDecorators": true and "emitDecoratorMetadata": true under compilerOptions of the ' +
      'tsconfig.json that compiles this file. (SWC: jsc.transform.legacyDecorator and jsc.transform.decoratorMetadata. ' +
      'Babel: ["@babel/plugin-proposal-decorators", { "version": "legacy" }]. esbuild, tsx and Vite read the tsconfig.json.)',
  );
}

/**
 * Without its parentheses a decorator is called with what it should decorate, and decorates nothing; an argument too many
 * is something that nobody would read.
 * @param given all that the decorator's maker was called with
 * @param most arguments that it takes
 * @throws ConfigurationError
 */
export function checkDecoratorCall(decorator: string, given: readonly unknown[], most: number): void {
  const [first, second] = given;
  if (isStandardContext(second) && 'addInitializer' in second) refuseStandardDecorator(decorator, second);
  if (isTargetOfLegacyDecorator(given, most)) {
    throw new ConfigurationError(
      `${decorator} on ${describeMember(first, second as string | symbol | undefined)} lacks its parentheses and would do nothing. ` +
        `Write ${decorator}(…).`,
    );
  }
  if (given.length > most) {
    throw new ConfigurationError(
      `${decorator} takes ${most === 0 ? 'no argument' : `${most} at most`}, and got ${given.length}: ` +
        `${describeValue(given[most])} would be ignored. Leave it out.`,
    );
  }
}

/** A class alone; or prototype or class, the name of a member, and a descriptor or the place of a parameter. */
function isTargetOfLegacyDecorator([first, ...rest]: readonly unknown[], most: number): boolean {
  // The class of a pipe is an argument of the one decorator that takes any number.
  if (rest.length === 0) return typeof first === 'function' && most !== Infinity;
  if (rest.length !== 2 || (typeof first !== 'function' && (typeof first !== 'object' || first === null))) return false;
  const [member, third] = rest;
  const isMember = typeof member === 'string' || typeof member === 'symbol';
  return isMember || (member === undefined && typeof third === 'number');
}

/** `Class.member`, for errors at the line of a decorator. */
export function describeMember(target: unknown, member: string | symbol | undefined): string {
  const owner = typeof target === 'function' ? target : (target as { constructor?: unknown } | null)?.constructor;
  const name = typeof owner === 'function' ? owner.name : 'a class';
  return member === undefined ? name : `${name}.${String(member)}`;
}

function isStandardContext(value: unknown): value is StandardContext {
  return typeof value === 'object' && value !== null && typeof (value as { kind?: unknown }).kind === 'string';
}
