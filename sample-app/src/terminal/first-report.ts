import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lastValueFrom, tap } from 'rxjs';
import type { ReportsService } from '../reports/reports.service.js';
import { ProgressBar } from './progress-bar.js';
import { tableOf } from './report-table.js';

const FOLDERS = ['src', 'node_modules/rxjs'];

/**
 * The report the app begins with: its own sources and a package it uses, which are on every machine.
 * @returns whether there is one
 */
export async function showFirstReport(reports: ReportsService, root: string): Promise<boolean> {
  const path = FOLDERS.filter((folder) => existsSync(join(root, folder)));
  const { id } = await reports.start({ path });
  process.stdout.write(`Report ${id}: ${path.join(', ')}\n`);
  const bar = new ProgressBar();
  const last = await lastValueFrom(reports.watch(id).pipe(tap(({ progress }) => progress && bar.draw(progress))));
  bar.end();
  if (last.report === undefined) {
    process.stderr.write(`Report ${id} is ${last.state}: ${last.error ?? 'no reason is known'}\n`);
    return false;
  }
  process.stdout.write(`\n${tableOf(last.report)}\n\n`);
  return true;
}
