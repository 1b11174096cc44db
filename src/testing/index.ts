export { drainQueues, type DrainOptions } from './drain-queues.js';
export { TestQueues, type ModuleBuilder } from './test-queues.js';
