export { TaskQueueDashboardModule } from './dashboard.module.js';
export type { DashboardAccess } from './access.js';
export type {
  DashboardLink,
  DashboardModuleAsyncOptions,
  DashboardModuleOptions,
  DashboardMount,
  DashboardOptions,
} from './dashboard-options.js';
export { OnDashboardAction, type DashboardActionEvent } from './on-dashboard-action.decorator.js';
export type { DashboardAction } from './wire.js';
