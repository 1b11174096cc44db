/** Where background duties speak; Nest's `Logger` fits. */
export interface DutyLogger {
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  debug?(message: string): void;
}
