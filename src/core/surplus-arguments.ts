import { InvalidValueError, UnknownOptionError } from './errors/option-errors.js';

/** Other queues take the name of the job first. */
export const NAME_IS_AN_OPTION =
  'pass the payload, then the options: the name of the job is one of them, { name: "welcome" }';

type Verb = (...args: unknown[]) => unknown;

/**
 * What a call gave behind the arguments that it takes: from JavaScript, or by a cast. Dropped in silence, it would be an
 * option that somebody trusts in.
 * @param remedy what to write instead
 * @throws UnknownOptionError for options, InvalidValueError for anything else
 */
export function refuseSurplus(
  surplus: readonly unknown[],
  place: string,
  remedy = 'this call takes fewer arguments: leave it out',
): void {
  for (const given of surplus) {
    if (given === undefined) continue;
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
      const [option] = Object.keys(given);
      if (option === undefined) continue;
      throw new UnknownOptionError(option, `the last argument of ${place}`, [], undefined, remedy);
    }
    throw new InvalidValueError(`last argument of ${place}`, given, remedy);
  }
}

/**
 * Has verbs of a class refuse arguments beyond those that they take: they reject, as for anything else.
 * @param most arguments by verb
 * @param throwing those that answer with no promise
 * @param shown the name by which users know the class
 */
export function limitArguments<C extends { readonly prototype: object; readonly name: string }>(
  Class: C,
  most: Partial<Record<keyof C['prototype'] & string, number>>,
  throwing: readonly (keyof C['prototype'])[] = [],
  shown = Class.name,
): void {
  for (const [verb, count] of Object.entries(most) as [string, number][]) {
    const descriptor = Object.getOwnPropertyDescriptor(Class.prototype, verb) as PropertyDescriptor;
    const own = descriptor.value as Verb;
    const throws = (throwing as readonly string[]).includes(verb);
    const limited = function (this: unknown, ...args: unknown[]): unknown {
      if (args.length > count) {
        try {
          refuseSurplus(args.slice(count), `${shown}.${verb}`);
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
