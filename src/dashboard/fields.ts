import { InvalidValueError } from '../core/errors/option-errors.js';
import { readBoolean, readCount, readOneOf, refuseUnknownKeys } from '../core/option-checks.js';

const LONGEST_TEXT = 10_000;

/** The fields of one request, a query or a body, each read as what it has to be. Fields that a route does not take are refused. */
export class Fields {
  private constructor(
    private readonly given: ReadonlyMap<string, unknown>,
    private readonly place: string,
  ) {}

  /** @throws UnknownOptionError */
  static ofQuery(query: URLSearchParams, takes: readonly string[], place: string): Fields {
    const given = new Map<string, unknown>();
    for (const key of new Set(query.keys())) {
      const values = query.getAll(key);
      given.set(key, values.length === 1 ? values[0] : values);
    }
    return Fields.of(given, takes, place);
  }

  /** @throws UnknownOptionError, InvalidValueError for what is no object */
  static ofBody(body: unknown, takes: readonly string[], place: string): Fields {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new InvalidValueError(`body of ${place}`, body, 'send an object');
    }
    return Fields.of(new Map(Object.entries(body)), takes, place);
  }

  private static of(given: ReadonlyMap<string, unknown>, takes: readonly string[], place: string): Fields {
    refuseUnknownKeys(Object.fromEntries(given), takes, place);
    return new Fields(given, place);
  }

  has(name: string): boolean {
    return this.given.get(name) !== undefined;
  }

  /** Whatever it is. */
  value(name: string): unknown {
    return this.given.get(name);
  }

  text(name: string): string {
    const text = this.optionalText(name);
    if (text === undefined || text === '') throw this.invalid(name, 'give it');
    return text;
  }

  /** Undefined also for an empty one: so forms send what nobody filled in. */
  optionalText(name: string): string | undefined {
    const given = this.given.get(name);
    if (given === undefined || given === '') return undefined;
    if (typeof given !== 'string' || given.length > LONGEST_TEXT) {
      throw this.invalid(name, `give one text of at most ${LONGEST_TEXT} characters`);
    }
    return given;
  }

  texts(name: string, most: number): string[] {
    const given = this.given.get(name);
    const list = typeof given === 'string' ? [given] : given;
    if (Array.isArray(list) && list.length <= most && list.every((each) => typeof each === 'string')) return list;
    throw this.invalid(name, `give a list of at most ${most} texts`);
  }

  count(name: string, least: number, most: number): number | undefined {
    const given = this.given.get(name);
    const number = typeof given === 'string' && /^-?\d{1,15}$/.test(given) ? Number(given) : given;
    return readCount(number, `${name} of ${this.place}`, least, most);
  }

  boolean(name: string): boolean | undefined {
    return readBoolean(this.given.get(name), `${name} of ${this.place}`);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = readOneOf(this.given.get(name), allowed, `${name} of ${this.place}`);
    if (value === undefined) throw this.invalid(name, `use one of: ${allowed.join(', ')}`);
    return value;
  }

  private invalid(name: string, remedy: string): InvalidValueError {
    return new InvalidValueError(`${name} of ${this.place}`, this.given.get(name), remedy);
  }
}
