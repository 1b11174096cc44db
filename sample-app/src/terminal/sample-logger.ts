import { ConsoleLogger } from '@nestjs/common';
import { NOT_APPROVED } from '../publishing/publisher.js';

/** Nest's own lines about modules and routes, of which there are many. */
const MUTED = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer']);
const CLEAR_LINE = '\r\x1b[K';

/** Nest's logger with less talk at the start, that never writes into a progress bar. */
export class SampleLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (!MUTED.has(String(rest.at(-1)))) super.log(message, ...(rest as [string]));
  }

  /** A death that the demo wants is no error of it. */
  override error(message: unknown, ...rest: unknown[]): void {
    const wanted = String(message).includes(NOT_APPROVED);
    if (wanted) super.warn(String(message).split('\n', 1)[0], rest.at(-1) as string);
    else super.error(message, ...(rest as [string]));
  }

  protected override printMessages(...args: Parameters<ConsoleLogger['printMessages']>): void {
    if (process.stdout.isTTY) process.stdout.write(CLEAR_LINE);
    super.printMessages(...args);
  }
}
