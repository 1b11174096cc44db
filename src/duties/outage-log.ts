import type { Connection } from '../core/ports/connection.js';
import type { DutyLogger } from './duty-logger.js';

/** Different errors of one outage that are told; more would only repeat that the store is ill. */
const MOST_MESSAGES = 5;

/**
 * One voice for all loops of a process: an outage of the store fails each of them again and again, and is worth one line
 * when it begins and one when it is over.
 */
export class OutageLog {
  private readonly failing = new Set<string>();
  private readonly told = new Set<string>();

  constructor(
    private readonly logger: DutyLogger,
    /** Where the store itself tells of its outages, these are its own to tell. */
    private readonly connection?: Pick<Connection, 'hasTold'>,
  ) {}

  failed(loop: string, error: unknown): void {
    if (this.connection?.hasTold?.(error)) return;
    this.failing.add(loop);
    const message = textOf(error);
    if (this.told.has(message) || this.told.size >= MOST_MESSAGES) return;
    this.told.add(message);
    this.logger.error(`The ${loop} failed and tries again: ${message}`);
  }

  worked(loop: string): void {
    if (!this.failing.delete(loop) || this.failing.size > 0) return;
    this.told.clear();
    this.logger.log(`The ${loop} works again.`);
  }

  /** A loop that was stopped in the middle of an outage must not keep the others from ending it. */
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
