import { ConsoleLogger } from '@nestjs/common';

/** Nest's own lines about modules and routes, of which there are many. */
const MUTED = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer']);
const CLEAR_LINE = '\r\x1b[K';

/** Nest's logger with less talk at the start, that never writes into a progress bar. */
export class SampleLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (!MUTED.has(String(rest.at(-1)))) super.log(message, ...(rest as [string]));
  }

  protected override printMessages(...args: Parameters<ConsoleLogger['printMessages']>): void {
    if (process.stdout.isTTY) process.stdout.write(CLEAR_LINE);
    super.printMessages(...args);
  }
}
