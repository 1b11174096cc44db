import type { Logger } from '@nestjs/common';
import type { Connection } from '../core/ports/connection.js';
import type { Intake } from '../core/ports/intake.js';

const STEP = 100;
/** How long waiting for an empty list may block the connection, which several lists share. */
const WAIT_MS = 1000;
const BACKOFF_MS = 1000;

/**
 * Moves what other programs push onto a plain list into its queue. The move is one script, so an element is in the list
 * or a job at any moment, whoever crashes.
 */
export class InboxFeeder {
  private stopped = false;
  private outage = false;

  constructor(
    private readonly intake: Intake,
    private readonly connection: Pick<Connection, 'hasReported'>,
    private readonly queue: string,
    private readonly inbox: string,
    private readonly logger: Pick<Logger, 'log' | 'error'>,
  ) {}

  start(): void {
    void this.feed();
  }

  stop(): void {
    this.stopped = true;
  }

  private async feed(): Promise<void> {
    while (!this.stopped) {
      try {
        const moved = await this.intake.takeInbox(this.queue, this.inbox, STEP);
        this.outage = false;
        if (moved < STEP && !this.stopped) await this.intake.awaitInbox(this.inbox, WAIT_MS);
      } catch (error) {
        if (this.stopped) return;
        this.logOutage(error);
        await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS));
      }
    }
  }

  private logOutage(error: unknown): void {
    if (this.outage || this.connection.hasReported?.(error)) return;
    this.outage = true;
    this.logger.error(`Inbox "${this.inbox}" of queue "${this.queue}": ${String(error)}`);
  }
}
