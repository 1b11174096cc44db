import 'reflect-metadata';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { stackOfThrown } from '../core/thrown-reader.js';
import { DASHBOARD_ACTION_METADATA, type DashboardActionEvent } from './on-dashboard-action.decorator.js';

interface AuditLogger {
  log(line: string): unknown;
  error(line: string, stack: string): unknown;
}

type Listener = (event: DashboardActionEvent) => unknown;

/** Tells what people do: to the `@OnDashboardAction()` methods of the app, or to its log where it has none. */
export class Auditor {
  private listeners: readonly Listener[] = [];

  constructor(private readonly logger: AuditLogger) {}

  /** @throws ConfigurationError for a method whose provider is made for each request: it would never be called */
  discover(discovery: DiscoveryService, scanner: MetadataScanner): void {
    const listeners: Listener[] = [];
    const wrappers = [...discovery.getProviders(), ...discovery.getControllers()];
    for (const instance of new Set(wrappers.map((wrapper) => wrapper.instance as object | undefined))) {
      const prototype: unknown = typeof instance === 'object' && instance !== null && Object.getPrototypeOf(instance);
      if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) continue;
      for (const name of listeningMethods(prototype, scanner)) {
        const wrapper = wrappers.find((each) => each.instance === instance);
        if (wrapper?.isDependencyTreeStatic() === false || wrapper?.isTransient === true) {
          throw new ConfigurationError(
            `${wrapper.name}.${name} has @OnDashboardAction() and its provider is not of the default scope: nobody would call it. ` +
              'Put the method in a provider without a request scope.',
          );
        }
        const method = (instance as Record<string, Listener>)[name];
        listeners.push(method.bind(instance));
      }
    }
    this.listeners = listeners;
  }

  async tell(event: DashboardActionEvent): Promise<void> {
    if (this.listeners.length === 0) this.logger.log(lineOf(event));
    await Promise.all(
      this.listeners.map(async (listener) => {
        try {
          await listener(event);
        } catch (error) {
          this.logger.error(`A method with @OnDashboardAction() failed: ${lineOf(event)}`, stackOfThrown(error));
        }
      }),
    );
  }
}

function listeningMethods(prototype: object, scanner: MetadataScanner): string[] {
  return scanner.getAllMethodNames(prototype).filter((name) => {
    const method = Reflect.get(prototype, name) as unknown;
    return typeof method === 'function' && Reflect.hasOwnMetadata(DASHBOARD_ACTION_METADATA, method);
  });
}

/** Values of requests stand in quotes: one with a line break would forge another line. */
function lineOf({ user, action, queue, ids, name, where, count, outcome, error }: DashboardActionEvent): string {
  const parts = Object.entries({ queue, name, where, ids, error }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} ${JSON.stringify(value)}`],
  );
  const who = user === undefined ? 'Somebody' : JSON.stringify(user);
  return `${who}: ${action} ${outcome} (${count}) ${parts.join(', ')}`.trim();
}
