import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { ReportsService } from './reports/reports.service.js';
import { readSettings, SettingsError, type Settings } from './settings.js';
import { showFirstReport } from './terminal/first-report.js';
import { SampleLogger } from './terminal/sample-logger.js';
import { announcement } from './welcome.controller.js';

const OPTIONS = { logger: new SampleLogger({ colors: process.stdout.isTTY ?? false }), abortOnError: false };

try {
  const settings = readSettings(process.env);
  if (settings.role === 'worker') await runWorker();
  else await run(settings, process.argv.includes('--once'));
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

/** `--once` ends after the first report and opens no port. */
async function run(settings: Settings, once: boolean): Promise<void> {
  const app = await NestFactory.create(AppModule, OPTIONS);
  app.enableShutdownHooks();
  if (once) {
    await app.init();
    if (!(await showFirstReport(app.get(ReportsService), settings.root))) process.exitCode = 1;
    await app.close();
    return;
  }
  // It reads folders for whoever asks: only this machine may.
  await app.listen(settings.port, '127.0.0.1');
  await showFirstReport(app.get(ReportsService), settings.root);
  process.stdout.write(announcement(await app.getUrl()));
}

async function runWorker(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, OPTIONS);
  app.enableShutdownHooks();
  // The process that started this one is gone: nobody would end it.
  process.once('disconnect', () => void app.close().then(() => process.exit()));
}

function explain(error: unknown): string {
  const { code, message, stack } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `${message}. Choose another port: PORT=3001 npm start`;
  if (code?.startsWith('TASK_QUEUE_') || error instanceof SettingsError) return message;
  return stack ?? String(error);
}
