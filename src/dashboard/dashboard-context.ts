import type { HandlerRegistry } from '../discovery/handler-registry.js';
import type { ResolvedOptions } from '../options/options.js';
import type { QueueService } from '../queue/queue.service.js';
import type { ScheduleService } from '../schedules/schedule.service.js';
import type { Access } from './access.js';
import type { DashboardOptions } from './dashboard-options.js';
import type { LiveHub } from './live/live-hub.js';
import type { StreamLimit } from './live/stream-limit.js';
import type { Turnstile } from './turnstile.js';
import type { DashboardActionEvent } from './on-dashboard-action.decorator.js';

/** What routes work with: the app's own services, so that its definitions, schemas and redaction hold here, too. */
export interface DashboardContext {
  readonly queues: QueueService;
  readonly schedules: ScheduleService;
  readonly registry: HandlerRegistry;
  /** Of `TaskQueueModule.forRoot`. */
  readonly engine: ResolvedOptions;
  readonly options: DashboardOptions;
  readonly hub: LiveHub;
  readonly streams: StreamLimit;
  /** Each takes up to a fifth of the time of the store. */
  readonly searches: Turnstile;
  /** Store time, ms. */
  now(): number;
  /** Tells the audit. */
  tell(event: Omit<DashboardActionEvent, 'at' | 'user'> & { access: Access }): Promise<void>;
}
