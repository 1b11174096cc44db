/** As Nest's ConsoleLogger colours the level. */
const COLORS = { error: '\u001B[31m', warn: '\u001B[33m', debug: '\u001B[95m' } as const;
const FRAME = /\n[ \t]+at /;
const NO_COLOR = '\u001B[39m';

/**
 * One line of the log with fields: loggers that write JSON write them (ConsoleLogger `{ json: true }` below `message`, pino beside
 * `msg`), and those that write text write the line and the frames of the stack.
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
    return this.msg + this.frames();
  }

  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, { colors }: { colors?: boolean }): string {
    if (!colors) return this.toString();
    return `${COLORS[this.#level]}${this.msg}${NO_COLOR}${this.frames()}`;
  }

  /** A stack begins with the message, which stands in the line already. */
  private frames(): string {
    const { msg, stack } = this;
    if (stack === undefined) return '';
    const start = stack.search(FRAME);
    if (start >= 0) return stack.slice(start);
    return msg.includes(stack.replace(/…$/, '')) ? '' : `\n${stack}`;
  }
}
