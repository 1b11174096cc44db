import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JobDeadError, Processor, QueueService, type Job, type JobHandle } from 'nestjs-task-queue';
import { fileJob, type FileFacts, type FileToAnalyse } from '../files/file.job.js';
import { Folders } from '../files/folders.js';
import { rowJob } from '../ledger/row.job.js';
import { announceJob, publishJob } from '../publishing/publishing.jobs.js';
import { ReportSum, type Report } from './report.js';
import { groupOf, reportJob, type ReportRequest } from './report.job.js';

/** How far a report is: the `progress` of its job. */
export interface ReportProgress {
  done: number;
  total: number;
}

/** Files of one atomic call. */
const ENQUEUED_AT_ONCE = 500;
const AWAITED_AT_ONCE = 100;

@Injectable()
export class ReportWriter {
  constructor(
    private readonly queues: QueueService,
    private readonly folders: Folders,
  ) {}

  /**
   * A job that waits for other jobs. If this process ends in the middle, the job runs again elsewhere; every id follows
   * from the job, so that the second run finds the jobs of the first one instead of enqueueing them twice.
   */
  @Processor(reportJob, { concurrency: 4, limits: { groups: { concurrency: 2 } } })
  async write(job: Job<ReportRequest>): Promise<Report> {
    // A report that is asked for again has the same id, but counts afresh.
    const run = `${job.id}.${job.enqueuedAt.toString(36)}`;
    const { path: folders, tenant } = job.payload;
    const { files, truncated } = await this.folders.list(folders);
    job.log(`${files.length} files in ${folders.join(', ')}`);

    const handles: JobHandle<FileToAnalyse, FileFacts>[] = [];
    for (const some of slicesOf(files, ENQUEUED_AT_ONCE)) {
      const jobs = some.map((path) => ({ id: `${run}.${digestOf(path)}`, payload: { path }, ...groupOf(tenant) }));
      handles.push(...(await this.queues.enqueueMany(fileJob, jobs)));
    }

    const sum = new ReportSum();
    const progress = (): void => job.progress({ done: sum.done, total: files.length } satisfies ReportProgress);
    progress();
    for (const some of slicesOf(handles, AWAITED_AT_ONCE)) {
      await Promise.all(
        some.map(async (handle) => {
          try {
            sum.add(await handle.result({ timeout: '10m' }));
          } catch (error) {
            if (!(error instanceof JobDeadError)) throw error;
            sum.fail(handle.payload.path, error.lastError?.message ?? error.reason);
          }
          progress();
        }),
      );
    }

    const payload = { report: job.id };
    await this.queues.enqueue(publishJob, payload, { id: `publish.${run}` });
    const announcement = await this.queues.enqueue(announceJob, payload, { id: `announce.${run}` });
    const { attempts } = await announcement.result();
    const report = sum.toReport(truncated, attempts);
    const rows = report.byExtension.map((sums) => ({
      id: `row.${run}.${digestOf(sums.extension)}`,
      payload: { report: job.id, ...sums },
    }));
    await Promise.all((await this.queues.enqueueMany(rowJob, rows)).map((row) => row.result()));
    return report;
  }
}

function* slicesOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let first = 0; first < items.length; first += size) yield items.slice(first, first + size);
}

/** Short, and of characters that an id may have. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
