export { TaskQueueModule } from './module/task-queue.module.js';
export { TaskQueueExceptionFilter } from './module/exception-filter.js';
export type {
  QueueRegistration,
  TaskQueueModuleAsyncOptions,
  TaskQueueModuleExtras,
  TaskQueueOptionsFactory,
} from './module/module-definition.js';
export type {
  Backoff,
  Connection,
  CronOptions,
  DurabilityOption,
  Expiry,
  GlobalEnhancerKind,
  IntervalOptions,
  JobOptions,
  QueueOptions,
  Retention,
  Role,
  ScheduleJobSettings,
  ScheduleOptions,
  ScheduleOverrides,
  ScheduleScope,
  TaskQueueModuleOptions,
  TimeoutOptions,
  WorkerOptions,
} from './options/options.js';
export { getQueueToken } from './core/constants.js';

export { Cron, Interval, Timeout } from './decorators/cron.decorator.js';
export { CronExpression } from './decorators/cron-expression.js';
export { InjectQueue } from './decorators/inject-queue.decorator.js';
export { JobRef, Signal } from './decorators/job-ref.decorator.js';
export { OnQueueAlert, type OnQueueAlertOptions } from './decorators/on-queue-alert.decorator.js';
export { OnQueueEvent } from './decorators/on-queue-event.decorator.js';
export { Payload } from './decorators/payload.decorator.js';
export { Processor, type BatchOptions, type ProcessorOptions } from './decorators/processor.decorator.js';
export { isTaskContext } from './discovery/task-context.js';

export type { BulkChunk, EnqueueManyOptions } from './queue/bulk-enqueuer.js';
export { BulkHandle, type BulkPreview, type BulkProgress, type BulkWaitOptions } from './inspector/bulk/bulk-handle.js';
export type { BulkOptions, BulkStop } from './inspector/bulk/bulk-request.js';
export { HISTORY_BUCKETS_MS } from './core/run-counts.js';
export type { HistoryPoint, HistoryQuery, QueueHistory, Spread } from './inspector/history-reader.js';
export type { JobExplanation, JobHold } from './inspector/job-explainer.js';
export type { ProcessInfo, ProcessQueue, ProcessRun } from './inspector/process-info.js';
export type { QueueListing } from './inspector/queue-lister.js';
export { QueueService, type UntypedResult } from './queue/queue.service.js';
export type { JobsPage, JobsQuery } from './queue/job-lister.js';
export type { RetryOptions } from './queue/payload-editor.js';
export { Queue } from './queue/queue.js';
export {
  ScheduleService,
  type ScheduleAddress,
  type SchedulesPage,
  type SchedulesQuery,
} from './schedules/schedule.service.js';
export type { ScheduleInfo, ScheduleRunInfo } from './schedules/schedule-info.js';
export type { DefinedSchedule, RuntimeSchedule } from './schedules/schedule-request.js';
export { JobHandle } from './queue/job-handle.js';
export { defineJob, type JobDefinition, type JobDefinitionSpec } from './queue/job-definition.js';
export type { BulkJob, DefinedEnqueueOptions, EnqueueOptions } from './queue/enqueue-options.js';
export type {
  DebouncedKey,
  HeldKey,
  ScheduleUniqueOption,
  ThrottledKey,
  UniqueKey,
  UniqueOption,
} from './options/unique-option.js';
export type { JobEvent, JobEventName } from './queue/job-event.js';

export { TaskQueueHealth, type Readiness, type ReadinessOptions } from './worker/task-queue-health.js';
export { currentJob, currentJobs } from './worker/current-job.js';
export {
  CancelledError,
  LimitedError,
  SnoozeError,
  UnrecoverableError,
  type LimitedErrorOptions,
} from './worker/control-flow.errors.js';
export {
  deadRate,
  memory,
  noWorkers,
  oldestDead,
  oldestReady,
  scheduleLate,
  silence,
  type AlertOptions,
  type AlertRule,
  type DeadRateOptions,
} from './options/alert-rules.js';
export type { FiringAlert, QueueAlert } from './core/alert-record.js';
export type { GroupLimitOptions, LimitOptions, Rate } from './options/limit-options.js';

export type { GroupOption, GroupOptions } from './options/group-option.js';
export type { GroupHoldInfo, GroupInfo, GroupsPage, GroupsQuery } from './queue/group-lister.js';

export type { BackoffStrategy } from './core/backoff.js';
export type { FacetOptions, Facets } from './inspector/facet-counter.js';
export type { FindOptions } from './inspector/finder.js';
export type { JsonPatchOperation } from './core/json-patch.js';
export type { BulkAction, BulkState } from './core/ports/bulks.js';
export type { CancelAnswer } from './core/ports/curation.js';
export type { Overlap, PauseReason, ScheduleStatus } from './core/ports/timetable.js';
export { encryptedCodec, type EncryptedCodecOptions } from './core/encrypted-codec.js';
export { jsonCodec, type Codec, type CodecContext } from './core/codec.js';
export type { Duration } from './core/duration.js';
export { every, type EveryOptions } from './schedules/rule/every.js';
export type { DeadReason, ErrorRecord, JobState, SettledState } from './core/job.js';
export type { JobHeaders } from './core/job-headers.js';
export type { BatchJob, CronTick, Job } from './core/job-view.js';
export type { MissedRule, ScheduleRule } from './schedules/rule/declaration.js';
export type { Instant } from './schedules/rule/timing-reader.js';
export type { StoreReport } from './core/store-report.js';
export { BulkNotFoundError, TooManyBulksError } from './core/errors/bulk-errors.js';
export { DecryptionError, UnknownKeyError } from './core/errors/codec-errors.js';
export {
  BulkTooLargeError,
  DurabilityUnconfirmedError,
  EnqueueOutcomeUnknownError,
  InvalidPayloadError,
  PayloadTooLargeError,
  UnknownJobNameError,
  UnknownQueueError,
} from './core/errors/enqueue-errors.js';
export {
  JobCancelledError,
  JobDeadError,
  JobNotFoundError,
  JobStateError,
  ResultTimeoutError,
  RunAbortedError,
  UnreadableRecordError,
} from './core/errors/job-errors.js';
export {
  ConfigurationError,
  InvalidCronError,
  InvalidValueError,
  UnknownOptionError,
} from './core/errors/option-errors.js';
export {
  BrokerRefusedError,
  BrokerUnavailableError,
  CallOutcomeUnknownError,
  IncompatibleStoreError,
  StoreFullError,
  UnsupportedError,
} from './core/errors/store-errors.js';
export { RedactedFieldError, WhereSyntaxError } from './core/errors/where-errors.js';
export { InvalidPatchError } from './core/errors/patch-errors.js';
export { TaskQueueError } from './core/errors/task-queue-error.js';
export { ScheduleConflictError, ScheduleNotFoundError, ScheduleStateError } from './schedules/rule/schedule-errors.js';
