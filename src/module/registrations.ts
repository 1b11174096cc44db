import type { ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { checkKeyName } from '../core/names.js';
import { QUEUE_REGISTRATIONS } from '../core/constants.js';
import type { QueueRegistration } from './module-definition.js';
import { readQueueOptions } from '../options/options-reader.js';
import type { ResolvedOptions, ResolvedQueueOptions } from '../options/options.js';

/**
 * Adds what every `registerQueue` of the app says to the options of `forRoot`, which win: they come from configuration.
 * Nest has scanned all modules before it makes the first provider, so none is missed.
 * @throws InvalidValueError, UnknownOptionError, ConfigurationError
 */
export function collectRegistrations(options: ResolvedOptions, modules: ModulesContainer): ResolvedOptions {
  const registered: Record<string, ResolvedQueueOptions> = {};
  for (const module of modules.values()) {
    const registrations = module.providers.get(QUEUE_REGISTRATIONS)?.instance as QueueRegistration[] | undefined;
    for (const { name, ...given } of registrations ?? []) {
      checkKeyName(name, 'name in registerQueue');
      const read = readQueueOptions(given, `registerQueue("${name}")`, Object.keys(options.backoffs));
      const other = Object.hasOwn(registered, name) ? registered[name] : undefined;
      registered[name] = other ? combine(name, other, read) : read;
    }
  }
  for (const [name, configured] of Object.entries(options.queues)) {
    registered[name] = Object.hasOwn(registered, name) ? layer(configured, registered[name]) : configured;
  }
  return { ...options, queues: registered };
}

/** Several features may register the queue they share, but only one of them may configure it. */
function combine(name: string, one: ResolvedQueueOptions, other: ResolvedQueueOptions): ResolvedQueueOptions {
  if (saysNothing(other)) return one;
  if (saysNothing(one) || JSON.stringify(one) === JSON.stringify(other)) return other;
  throw new ConfigurationError(
    `Queue "${name}" is registered twice with different options. Give them once, and register it elsewhere by its name alone.`,
  );
}

function saysNothing({ job, worker, inbox, strictNames }: ResolvedQueueOptions): boolean {
  const others = [inbox, strictNames].some((each) => each !== undefined);
  return Object.keys(job).length === 0 && Object.keys(worker).length === 0 && !others;
}

function layer(winner: ResolvedQueueOptions, other: ResolvedQueueOptions): ResolvedQueueOptions {
  const retention = { ...other.job.retention, ...winner.job.retention };
  return {
    job: { ...other.job, ...winner.job, ...(Object.keys(retention).length > 0 && { retention }) },
    worker: { ...other.worker, ...winner.worker },
    inbox: winner.inbox ?? other.inbox,
    strictNames: winner.strictNames ?? other.strictNames,
  };
}
