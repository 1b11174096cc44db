import type { Connection } from '../core/ports/connection.js';
import type { DutyLogger } from './duty-logger.js';

/** Different errors of one outage that are logged; more would only repeat that the store is ill. */
const MOST_MESSAGES = 5;

/**
 * The log of outages for all loops of a process. An outage of the store fails each loop again and again; it is logged once when
 * it begins and once when it is over.
 */
export class OutageLog {
  private readonly failing = new Set<string>();
  private readonly logged = new Set<string>();

  constructor(
    private readonly logger: DutyLogger,
    /** A store may log its own outages: those are not logged here. */
    private readonly connection?: Pick<Connection, 'hasReported'>,
  ) {}

  failed(loop: string, error: unknown): void {
    if (this.connection?.hasReported?.(error)) return;
    this.failing.add(loop);
    const message = textOf(error);
    if (this.logged.has(message) || this.logged.size >= MOST_MESSAGES) return;
    this.logged.add(message);
    this.logger.error(`The ${loop} failed and tries again: ${message}`);
  }

  worked(loop: string): void {
    if (!this.failing.delete(loop) || this.failing.size > 0) return;
    this.logged.clear();
    this.logger.log(`The ${loop} works again.`);
  }

  /** A loop that was stopped during an outage must not keep the outage open. */
  forget(loop: string): void {
    this.failing.delete(loop);
  }
}

function textOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
