/** A logger that keeps what it was told, as `level: message`. */
export class RecordingLogger {
  readonly lines: string[] = [];

  log(message: string): void {
    this.lines.push(`log: ${message}`);
  }

  warn(message: string): void {
    this.lines.push(`warn: ${message}`);
  }

  error(message: string): void {
    this.lines.push(`error: ${message}`);
  }

  debug(message: string): void {
    this.lines.push(`debug: ${message}`);
  }
}
