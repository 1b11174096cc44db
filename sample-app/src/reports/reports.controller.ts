import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  Sse,
  StandardSchemaValidationPipe,
  type MessageEvent,
  type OnModuleDestroy,
} from '@nestjs/common';
import { map, Subject, takeUntil, type Observable } from 'rxjs';
import { reportRequest, type ReportRequest } from './report.job.js';
import { ReportsService, type ReportView } from './reports.service.js';

@Controller('reports')
export class ReportsController implements OnModuleDestroy {
  private readonly closing = new Subject<void>();

  constructor(private readonly reports: ReportsService) {}

  @Post()
  @HttpCode(202)
  start(
    @Body({ schema: reportRequest, pipes: [new StandardSchemaValidationPipe()] }) request: ReportRequest,
  ): Promise<ReportView> {
    return this.reports.start(request);
  }

  @Get(':id')
  find(@Param('id') id: string): Promise<ReportView> {
    return this.reports.find(id);
  }

  @Sse(':id/events')
  async events(@Param('id') id: string): Promise<Observable<MessageEvent>> {
    await this.reports.find(id); // 404 before the stream begins
    return this.reports.watch(id).pipe(
      map((view) => ({ type: view.state, data: view })),
      takeUntil(this.closing),
    );
  }

  /** An open stream would keep `app.close()` waiting for ever. */
  onModuleDestroy(): void {
    this.closing.next();
  }
}
