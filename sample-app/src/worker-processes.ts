import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Settings, WORKER_PROCESS } from './settings.js';

/** Starts this program again `WORKERS` times, as processes that only work, and ends them with the app. */
@Injectable()
export class WorkerProcesses implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(WorkerProcesses.name);
  private readonly running = new Set<ChildProcess>();
  private closing = false;

  constructor(private readonly settings: Settings) {}

  onApplicationBootstrap(): void {
    for (let number = 1; number <= this.settings.workers; number++) this.start(number);
  }

  async onApplicationShutdown(): Promise<void> {
    this.closing = true;
    await Promise.all(
      [...this.running].map((child) => {
        child.kill('SIGTERM');
        return once(child, 'exit');
      }),
    );
  }

  private start(number: number): void {
    const child = fork(process.argv[1], { env: { ...process.env, [WORKER_PROCESS]: String(number) } });
    this.running.add(child);
    this.logger.log(`Worker ${number} is process ${child.pid}`);
    child.once('exit', (code, signal) => {
      this.running.delete(child);
      if (this.closing) return;
      // Its jobs go to the others as soon as its lease ends.
      this.logger.error(
        `Worker ${number} (process ${child.pid}) ended: ${signal ?? `exit code ${code}`}; ${this.running.size} left`,
      );
    });
  }
}
