/** As Nest's ConsoleLogger colours the level. */
const COLORS = { error: '\u001B[31m', warn: '\u001B[33m' } as const;
const NO_COLOR = '\u001B[39m';

/**
 * One line of the log with fields: loggers that write JSON write them (ConsoleLogger `{ json: true }` below `message`, pino beside
 * `msg`), and those that write text write the line and the stack.
 */
export class LogLine<F extends object = object> {
  readonly msg: string;
  declare readonly stack?: string;
  readonly #level: keyof typeof COLORS;

  constructor(level: keyof typeof COLORS, msg: string, fields: F, stack?: string) {
    this.msg = msg;
    Object.assign(this, fields);
    if (stack !== undefined) this.stack = stack;
    this.#level = level;
  }

  /** What winston calls it. */
  get message(): string {
    return this.msg;
  }

  toString(): string {
    return this.stack === undefined ? this.msg : `${this.msg}\n${this.stack}`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, { colors }: { colors?: boolean }): string {
    if (!colors) return this.toString();
    return `${COLORS[this.#level]}${this.msg}${NO_COLOR}${this.stack === undefined ? '' : `\n${this.stack}`}`;
  }
}
