import { ConfigurableModuleBuilder, type InjectionToken, type ModuleMetadata, type Type } from '@nestjs/common';
import type { QueueOptions, TaskQueueModuleOptions } from '../options/options.js';

/** Makes the options of `forRootAsync({ useClass | useExisting })`. */
export interface TaskQueueOptionsFactory {
  createTaskQueueOptions(): TaskQueueModuleOptions | Promise<TaskQueueModuleOptions>;
}

export interface TaskQueueModuleExtras {
  /** `QueueService` is injectable everywhere. Default true; false: only where the module is imported. */
  isGlobal?: boolean;
}

/** Options that come from configuration: exactly one of `useFactory`, `useClass` and `useExisting`. */
export interface TaskQueueModuleAsyncOptions extends TaskQueueModuleExtras, Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` gets. */
  inject?: (InjectionToken | { token: InjectionToken; optional: boolean })[];
  useFactory?: (...dependencies: never[]) => TaskQueueModuleOptions | Promise<TaskQueueModuleOptions>;
  useClass?: Type<TaskQueueOptionsFactory>;
  useExisting?: InjectionToken<TaskQueueOptionsFactory>;
}

/** One queue as `registerQueue` takes it. What `queues` in `forRoot` says of the same queue wins. */
export interface QueueRegistration extends QueueOptions {
  name: string;
}

/** The options as given, before they are checked. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: GIVEN_OPTIONS } =
  new ConfigurableModuleBuilder<TaskQueueModuleOptions>({ moduleName: 'TaskQueue' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createTaskQueueOptions')
    .build();
