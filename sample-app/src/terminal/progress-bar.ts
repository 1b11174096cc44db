import type { ReportProgress } from '../reports/report-writer.js';

const WIDTH = 30;
/** Where nobody watches, a line each quarter is enough. */
const STEPS_OF_A_LOG = 4;

/** One line that is drawn again and again; plain lines where the output is not a terminal. */
export class ProgressBar {
  private step = -1;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {}

  draw({ done, total }: ReportProgress): void {
    const share = total === 0 ? 1 : done / total;
    const text = `${done} of ${total} files (${Math.floor(share * 100)} %)`;
    if (this.out.isTTY) {
      const filled = Math.round(share * WIDTH);
      this.out.write(`\r\x1b[K${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${text}`);
      return;
    }
    const step = Math.floor(share * STEPS_OF_A_LOG);
    if (step === this.step) return;
    this.step = step;
    this.out.write(`${text}\n`);
  }

  end(): void {
    if (this.out.isTTY) this.out.write('\r\x1b[K');
  }
}
