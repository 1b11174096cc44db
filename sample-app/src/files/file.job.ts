import { defineJob } from 'nestjs-task-queue';
import { propertyOf, schemaOf, textOf } from '../schema.js';
import type { TextStatistics } from './text-statistics.js';

export interface FileToAnalyse {
  /** Relative to `Settings.root`, with forward slashes. */
  path: string;
}

export interface FileFacts extends TextStatistics {
  path: string;
  /** Bytes. */
  size: number;
}

/** One file of a report. Whoever enqueues it and whoever handles it import this. */
export const fileJob = defineJob<FileToAnalyse, FileFacts>({
  queue: 'files',
  name: 'analyse',
  schema: schemaOf<FileToAnalyse, FileToAnalyse>((value) => ({ path: textOf(propertyOf(value, 'path'), ['path']) })),
  maxAttempts: 3,
  timeout: '30s',
  // Its report has the numbers: an hour is enough for one that was interrupted to find them again.
  retention: { completed: { count: 20_000, age: '1h' } },
});
