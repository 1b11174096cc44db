export { TaskQueueHealthIndicator, type TaskQueueIndicatorResult } from './task-queue-health.indicator.js';
