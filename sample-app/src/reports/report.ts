import type { FileFacts } from '../files/file.job.js';
import { topOf } from '../files/text-statistics.js';

export interface Sums {
  files: number;
  /** Bytes. */
  size: number;
  lines: number;
  words: number;
}

export interface FailedFile {
  path: string;
  reason: string;
}

export interface Report extends Sums {
  /** Largest first. */
  byExtension: (Sums & { extension: string })[];
  identifiers: [name: string, count: number][];
  /** The first of them. */
  failed: FailedFile[];
  failedFiles: number;
  /** The folders hold more files than one report takes. */
  truncated: boolean;
  /** Attempts that its announcement took. */
  announcedAtAttempt: number;
}

const SHOWN_EXTENSIONS = 12;
const SHOWN_IDENTIFIERS = 10;
const SHOWN_FAILURES = 20;

/** Sums up what is known of each file, one by one. */
export class ReportSum {
  private readonly total: Sums = emptySums();
  private readonly extensions = new Map<string, Sums>();
  private readonly identifiers = new Map<string, number>();
  private readonly failures: FailedFile[] = [];

  /** Files that were analysed or given up. */
  get done(): number {
    return this.total.files + this.failures.length;
  }

  add(facts: FileFacts): void {
    const extension = extensionOf(facts.path);
    const ofExtension = this.extensions.get(extension) ?? emptySums();
    this.extensions.set(extension, ofExtension);
    for (const sums of [this.total, ofExtension]) {
      sums.files++;
      sums.size += facts.size;
      sums.lines += facts.lines;
      sums.words += facts.words;
    }
    for (const [name, count] of facts.identifiers)
      this.identifiers.set(name, (this.identifiers.get(name) ?? 0) + count);
  }

  fail(path: string, reason: string): void {
    this.failures.push({ path, reason });
  }

  toReport(truncated: boolean, announcedAtAttempt: number): Report {
    const extensions = [...this.extensions].map(([extension, sums]) => ({ extension, ...sums }));
    return {
      ...this.total,
      byExtension: extensions.sort((a, b) => b.size - a.size).slice(0, SHOWN_EXTENSIONS),
      identifiers: topOf(this.identifiers, SHOWN_IDENTIFIERS),
      failed: this.failures.slice(0, SHOWN_FAILURES),
      failedFiles: this.failures.length,
      truncated,
      announcedAtAttempt,
    };
  }
}

function emptySums(): Sums {
  return { files: 0, size: 0, lines: 0, words: 0 };
}

function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(dot) : '(none)';
}
