import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { Processor, type BatchJob } from 'nestjs-task-queue';
import { Settings } from '../settings.js';
import { rowJob, type Row } from './row.job.js';

@Injectable()
export class LedgerWriter {
  private readonly logger = new Logger(LedgerWriter.name);

  constructor(private readonly settings: Settings) {}

  /**
   * One write for up to 100 rows, of whatever reports end at the same time. If it fails, each row is tried again. A process
   * that dies between the write and its end leaves rows twice: the first column, the id of the job, tells which.
   */
  @Processor(rowJob, { batch: { size: 100, wait: '200ms' } })
  async write(jobs: BatchJob<Row>[]): Promise<void> {
    const { ledger } = this.settings;
    await mkdir(dirname(ledger), { recursive: true });
    await appendFile(ledger, jobs.map(lineOf).join(''));
    this.logger.log(`${jobs.length} rows in one write to ${ledger}`);
  }
}

/** Comma-separated, as RFC 4180 has it: what a file is called may hold anything. */
function lineOf({ id, payload: { report, extension, files, lines, words, size } }: BatchJob<Row>): string {
  return [id, report, `"${extension.replaceAll('"', '""')}"`, files, lines, words, size].join(',') + '\n';
}
