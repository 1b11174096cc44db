import { Inject } from '@nestjs/common';
import { getQueueToken } from '../task-queue.constants.js';

/** Injects the `Queue` of this name, which a `TaskQueueModule.registerQueue({ name })` that is imported here provides. */
export function InjectQueue(name: string): PropertyDecorator & ParameterDecorator {
  return Inject(getQueueToken(name));
}
