import { defineJob } from 'nestjs-task-queue';
import type { Sums } from '../reports/report.js';

/** What a report says of one kind of file. */
export interface Row extends Sums {
  /** Id of the report. */
  report: string;
  extension: string;
}

/** One row of the ledger; `LedgerWriter` writes many at once. */
export const rowJob = defineJob<Row>({ queue: 'ledger', name: 'row', maxAttempts: 5 });
