import { InvalidValueError, UnknownOptionError } from './errors.js';

type Verb = (...args: unknown[]) => unknown;

/**
 * What a call gave behind the arguments that it takes: from JavaScript, or by a cast. Dropped in silence, it would be an
 * option that somebody trusts in.
 * @throws UnknownOptionError for options, InvalidValueError for anything else
 */
export function refuseSurplus(surplus: readonly unknown[], place: string): void {
  for (const given of surplus) {
    if (given === undefined) continue;
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
      const [option] = Object.keys(given);
      if (option === undefined) continue;
      throw new UnknownOptionError(option, `the last argument of ${place}`, []);
    }
    throw new InvalidValueError(`last argument of ${place}`, given, 'this call takes fewer arguments: leave it out');
  }
}

/**
 * Has verbs of a class refuse arguments beyond those that they take: they reject, as for anything else.
 * @param most arguments by verb
 * @param throwing those that answer with no promise
 */
export function limitArguments<C extends { prototype: object; name: string }>(
  Class: C,
  most: Partial<Record<keyof C['prototype'] & string, number>>,
  throwing: readonly (keyof C['prototype'])[] = [],
): void {
  for (const [verb, count] of Object.entries(most) as [string, number][]) {
    const descriptor = Object.getOwnPropertyDescriptor(Class.prototype, verb) as PropertyDescriptor;
    const own = descriptor.value as Verb;
    const throws = (throwing as readonly string[]).includes(verb);
    const limited = function (this: unknown, ...args: unknown[]): unknown {
      if (args.length > count) {
        try {
          refuseSurplus(args.slice(count), `${Class.name}.${verb}`);
        } catch (error) {
          if (throws) throw error;
          return Promise.reject(error);
        }
      }
      return own.apply(this, args);
    };
    Object.defineProperty(limited, 'name', { value: verb });
    Object.defineProperty(Class.prototype, verb, { ...descriptor, value: limited });
  }
}
