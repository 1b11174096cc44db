import { defineJob } from 'nestjs-task-queue';
import { Mismatch, propertyOf, schemaOf, textOf } from '../schema.js';
import type { Report } from './report.js';

export interface ReportRequest {
  path: string[];
}

/** What a client may send: one folder or several. */
export interface ReportInput {
  path: string | string[];
}

const MOST_FOLDERS = 10;

/** Checks the body of `POST /reports` and the payload of the job alike. */
export const reportRequest = schemaOf<ReportInput, ReportRequest>((value) => {
  const path = propertyOf(value, 'path');
  if (!Array.isArray(path)) return { path: [textOf(path, ['path'])] };
  if (path.length === 0 || path.length > MOST_FOLDERS)
    throw new Mismatch(['path'], `must name 1 to ${MOST_FOLDERS} folders`);
  return { path: path.map((one, index) => textOf(one, ['path', index])) };
});

export const reportJob = defineJob<ReportRequest, Report, ReportInput>({
  queue: 'reports',
  name: 'report',
  schema: reportRequest,
  maxAttempts: 3,
  retention: { completed: { count: 100, age: '1h' } },
});
