import { Global, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TaskQueueExceptionFilter, TaskQueueModule } from 'nestjs-task-queue';
import { TaskQueueDashboardModule } from 'nestjs-task-queue/dashboard';
import { Digest } from './digest.js';
import { DigestController } from './digest.controller.js';
import { FileAnalyst } from './files/file-analyst.js';
import { Folders } from './files/folders.js';
import { LedgerWriter } from './ledger/ledger-writer.js';
import { DeadLettersController } from './publishing/dead-letters.controller.js';
import { Noticeboard } from './publishing/noticeboard.js';
import { Publisher } from './publishing/publisher.js';
import { ReportWriter } from './reports/report-writer.js';
import { ReportsController } from './reports/reports.controller.js';
import { ReportsService } from './reports/reports.service.js';
import { readSettings, Settings } from './settings.js';
import { WelcomeController } from './welcome.controller.js';
import { WorkerProcesses } from './worker-processes.js';

@Global()
@Module({
  providers: [{ provide: Settings, useFactory: () => readSettings(process.env) }],
  exports: [Settings],
})
class SettingsModule {}

@Module({
  imports: [
    SettingsModule,
    TaskQueueModule.forRootAsync({
      inject: [Settings],
      useFactory: ({ connection, prefix, role, grace }: Settings) => ({
        connection,
        prefix,
        role,
        shutdown: { grace },
      }),
    }),
    // Without guards it answers this machine alone, and an app in production would not start.
    TaskQueueDashboardModule.forRoot({ path: 'queues', environment: { label: 'sample app' } }),
  ],
  controllers: [WelcomeController, ReportsController, DeadLettersController, DigestController],
  providers: [
    Folders,
    FileAnalyst,
    ReportsService,
    ReportWriter,
    LedgerWriter,
    Publisher,
    Noticeboard,
    Digest,
    WorkerProcesses,
    { provide: APP_FILTER, useClass: TaskQueueExceptionFilter },
  ],
})
export class AppModule {}
