import { readFile, stat } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { Processor, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { Settings } from '../settings.js';
import { fileJob, type FileFacts, type FileToAnalyse } from './file.job.js';
import { Folders, OutsideError } from './folders.js';
import { statisticsOf } from './text-statistics.js';

/** Errors that another attempt cannot mend. */
const FINAL = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES']);

@Injectable()
export class FileAnalyst {
  constructor(
    private readonly folders: Folders,
    private readonly settings: Settings,
  ) {}

  /** Tenants take turns, and none has more than four files in work in all processes. Files without a tenant are free. */
  @Processor(fileJob, { concurrency: 8, limits: { groups: { concurrency: 4 } } })
  async analyse(job: Job<FileToAnalyse>): Promise<FileFacts> {
    const { path } = job.payload;
    try {
      const place = await this.folders.locate(path);
      const { size } = await stat(place);
      if (size > this.settings.maxFileBytes) throw new UnrecoverableError(`${size} bytes are too many to be read`);
      const statistics = statisticsOf(await readFile(place, { encoding: 'utf8', signal: job.signal }));
      if (path.endsWith('.map')) statistics.identifiers = []; // what looks like names there are encoded numbers
      return { path, size, ...statistics };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (error instanceof OutsideError || FINAL.has(code ?? ''))
        throw new UnrecoverableError(message, { cause: error });
      throw error;
    }
  }
}
