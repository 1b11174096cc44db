import type { Report, Sums } from '../reports/report.js';

/** The report as people read it: plain text, so that it looks the same in a file. */
export function tableOf(report: Report): string {
  const row = (name: string, { files, lines, words, size }: Sums): string[] => [
    name,
    ...[files, lines, words].map((value) => value.toLocaleString('en')),
    sizeOf(size),
  ];
  const rows = [
    ['', 'files', 'lines', 'words', 'size'],
    ...report.byExtension.map((sums) => row(sums.extension, sums)),
    row('all', report),
  ];
  const identifiers = report.identifiers.map(([name, count]) => `${name} ${count.toLocaleString('en')}`).join(', ');
  const lines = [...align(rows), '', `Most frequent identifiers: ${identifiers || 'none'}`];
  if (report.failedFiles > 0) {
    lines.push(`${report.failedFiles} files could not be analysed:`);
    lines.push(...report.failed.map(({ path, reason }) => `  ${path}: ${reason}`));
  }
  if (report.truncated) lines.push('The folders hold more files than one report takes.');
  return lines.join('\n');
}

function align(rows: string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const lines = rows.map((cells) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
  );
  return [lines[0], rule, ...lines.slice(1, -1), rule, ...lines.slice(-1)];
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
