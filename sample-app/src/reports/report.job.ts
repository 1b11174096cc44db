import { defineJob } from 'nestjs-task-queue';
import { Mismatch, propertyOf, schemaOf, textOf } from '../schema.js';
import type { Report } from './report.js';

export interface ReportRequest {
  path: string[];
  /** Whose report it is: the group of its jobs. */
  tenant?: string;
}

/** What a client may send: one folder or several. */
export interface ReportInput {
  path: string | string[];
  tenant?: string;
}

const MOST_FOLDERS = 10;
const TENANT = /^[\w.-]{1,64}$/;

/** Checks the body of `POST /reports` and the payload of the job alike. */
export const reportRequest = schemaOf<ReportInput, ReportRequest>((value) => {
  const tenant = propertyOf(value, 'tenant');
  if (tenant !== undefined && !(typeof tenant === 'string' && TENANT.test(tenant)))
    throw new Mismatch(['tenant'], 'must be 1 to 64 letters, digits, "_", "." or "-"');
  return { path: foldersOf(value), ...(tenant !== undefined && { tenant }) };
});

function foldersOf(value: unknown): string[] {
  const path = propertyOf(value, 'path');
  if (!Array.isArray(path)) return [textOf(path, ['path'])];
  if (path.length === 0 || path.length > MOST_FOLDERS)
    throw new Mismatch(['path'], `must name 1 to ${MOST_FOLDERS} folders`);
  return path.map((one, index) => textOf(one, ['path', index]));
}

export const reportJob = defineJob<ReportRequest, Report, ReportInput>({
  queue: 'reports',
  name: 'report',
  schema: reportRequest,
  maxAttempts: 3,
  retention: { completed: { count: 100, age: '1h' } },
});

/** @returns what an enqueue says of whose job it is; without a tenant nothing */
export function groupOf(tenant: string | undefined): { group?: string } {
  return tenant === undefined ? {} : { group: tenant };
}
