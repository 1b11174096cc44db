import { Injectable, NotFoundException } from '@nestjs/common';
import { JobNotFoundError, JobStateError, QueueService, type JobHandle, type JobState } from 'nestjs-task-queue';
import { auditTime, concatMap, defer, interval, merge, of, takeWhile, type Observable } from 'rxjs';
import { Folders } from '../files/folders.js';
import type { Report } from './report.js';
import { digestOf, type ReportProgress } from './report-writer.js';
import { groupOf, reportJob, type ReportRequest } from './report.job.js';

export interface ReportView {
  id: string;
  path: string[];
  tenant: string | undefined;
  state: JobState;
  progress: ReportProgress | undefined;
  report: Report | undefined;
  /** Why there will be none. */
  error: string | undefined;
}

const SETTLED = new Set<JobState>(['completed', 'cancelled', 'dead']);
const REFRESH_MS = 100;
const POLL_MS = 1000;

@Injectable()
export class ReportsService {
  constructor(
    private readonly queues: QueueService,
    private readonly folders: Folders,
  ) {}

  /**
   * Starts a report, or takes up the one of the same folders and tenant that has not ended: the id follows from them.
   * @throws BadRequestException
   */
  async start({ path: folders, tenant }: ReportRequest): Promise<ReportView> {
    const path = await Promise.all(folders.map((folder) => this.folders.check(folder)));
    const id = digestOf([tenant, ...path].join('\0'));
    const whole = { path, ...(tenant !== undefined && { tenant }) };
    const enqueue = () => this.queues.enqueue(reportJob, whole, { id, ...groupOf(tenant) });
    let job = await enqueue();
    if (!job.created && SETTLED.has(job.state) && (await this.removeSettled(id))) {
      job = await enqueue();
    }
    return this.find(id);
  }

  /** @throws NotFoundException */
  async find(id: string): Promise<ReportView> {
    const job = await this.queues.getJob(reportJob, id);
    if (job === undefined) throw new NotFoundException(`No report "${id}" is kept.`);
    return viewOf(job);
  }

  /**
   * The report now, after each change, and at its end.
   * @throws NotFoundException when it is not or no longer kept
   */
  watch(id: string): Observable<ReportView> {
    // Events are live and come at most once: the poll finds what a lost connection swallowed.
    const changes = merge(this.queues.events(reportJob), interval(POLL_MS)).pipe(auditTime(REFRESH_MS));
    return merge(of('now'), changes).pipe(
      concatMap(() => defer(() => this.find(id))),
      takeWhile(({ state }) => !SETTLED.has(state), true),
    );
  }

  /** @returns false when somebody else has started it again by now */
  private async removeSettled(id: string): Promise<boolean> {
    try {
      await this.queues.remove(reportJob, id);
      return true;
    } catch (error) {
      if (error instanceof JobStateError || error instanceof JobNotFoundError) return false;
      throw error;
    }
  }
}

async function viewOf(job: JobHandle<ReportRequest, Report>): Promise<ReportView> {
  return {
    id: job.id,
    path: job.payload.path,
    tenant: job.payload.tenant,
    state: job.state,
    progress: job.lastProgress as ReportProgress | undefined,
    report: job.state === 'completed' ? await job.result() : undefined,
    error: job.deadMessage,
  };
}
