import type { Logger } from '@nestjs/common';
import type { ErrorRecord } from '../core/job.js';
import { LogBudget } from '../core/log-budget.js';
import { LogLine } from '../core/log-line.js';
import type { RunningJob } from './running-job.js';

/** Pairs of handler and error name that are remembered as logged. */
const MOST_KINDS = 1000;

/**
 * Logs failed attempts that are tried again. The first of each handler and error name is a warning, because the last attempt may
 * be minutes away; the others are at level debug. Of many failures it logs the first ones of each second.
 */
export class FailureLog {
  private readonly firsts = new LogBudget();
  private readonly others = new LogBudget();
  private readonly logged = new Map<string, Set<string>>();
  private kinds = 0;

  constructor(
    private readonly queue: string,
    private readonly logger: Pick<Logger, 'warn' | 'debug'>,
  ) {}

  log(job: RunningJob, record: ErrorRecord, delayMs: number): void {
    const isFirst = this.isNew(job.plan.handler.label, record.name);
    const unsaid = (isFirst ? this.firsts : this.others).take(performance.now());
    if (unsaid === undefined) return;
    const level = isFirst ? 'warn' : 'debug';
    if (isFirst) this.remember(job.plan.handler.label, record.name);
    this.logger[level](this.lineOf(job, record, delayMs, level, unsaid));
  }

  private lineOf(
    job: RunningJob,
    { name, message, stack }: ErrorRecord,
    delayMs: number,
    level: 'warn' | 'debug',
    unsaid: number,
  ): LogLine {
    const { queue } = this;
    const { id: jobId, name: jobName, number, attempt, maxAttempts } = job;
    const { label: handler } = job.plan.handler;
    const error = `${name}: ${message}`;
    const more = unsaid > 0 && level === 'debug' ? ` (${unsaid} more failed before)` : '';
    return new LogLine(
      level,
      `Queue "${queue}": job "${jobId}" failed in ${handler}, attempt ${attempt} of ${maxAttempts}, and is tried again ` +
        `${whenOf(delayMs)}${more}: ${error}`,
      { queue, jobId, number, jobName, handler, attempt, maxAttempts, delayMs, error },
      stack,
    );
  }

  private isNew(handler: string, error: string): boolean {
    return this.kinds < MOST_KINDS && this.logged.get(handler)?.has(error) !== true;
  }

  private remember(handler: string, error: string): void {
    const names = this.logged.get(handler) ?? new Set();
    this.logged.set(handler, names.add(error));
    this.kinds++;
  }
}

function whenOf(delayMs: number): string {
  if (delayMs < 1) return 'at once';
  if (delayMs < 1000) return `in ${Math.round(delayMs)} ms`;
  if (delayMs < 120_000) return `in ${Math.round(delayMs / 100) / 10} s`;
  if (delayMs < 7_200_000) return `in ${Math.round(delayMs / 60_000)} min`;
  return `in ${Math.round(delayMs / 360_000) / 10} h`;
}
