import { ValidationPipe } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { ConfigurationError } from '../core/errors/option-errors.js';
import type { GlobalEnhancerKind } from '../options/options.js';

/**
 * A configuration with only those global enhancers that `globalEnhancers` asks for: guards and interceptors written for
 * HTTP read requests and would break jobs.
 * @throws ConfigurationError for request-scoped ones, which Nest makes for controllers only
 */
export function selectGlobalEnhancers(all: ApplicationConfig, kinds: readonly GlobalEnhancerKind[]): ApplicationConfig {
  const selected = new ApplicationConfig();
  for (const kind of kinds) {
    const scoped = copyGlobals[kind](all, selected);
    if (scoped > 0) {
      throw new ConfigurationError(
        `globalEnhancers includes "${kind}", and ${scoped} of the app's global ${kind} is request-scoped, which Nest would ` +
          `skip around handlers. Make it default-scoped, or leave "${kind}" out and use the decorator on the handlers.`,
      );
    }
  }
  return selected;
}

/** Copies the global enhancers of one kind; returns how many it can not copy. */
const copyGlobals: Record<GlobalEnhancerKind, (from: ApplicationConfig, to: ApplicationConfig) => number> = {
  guards: (from, to) => {
    from.getGlobalGuards().forEach((guard) => to.addGlobalGuard(guard));
    return from.getGlobalRequestGuards().length;
  },
  interceptors: (from, to) => {
    from.getGlobalInterceptors().forEach((interceptor) => to.addGlobalInterceptor(interceptor));
    return from.getGlobalRequestInterceptors().length;
  },
  pipes: (from, to) => {
    from.getGlobalPipes().forEach((pipe) => to.addGlobalPipe(pipe));
    return from.getGlobalRequestPipes().length;
  },
  filters: (from, to) => {
    from.getGlobalFilters().forEach((filter) => to.addGlobalFilter(filter));
    return from.getGlobalRequestFilters().length;
  },
};

export function hasGlobalEnhancers(config: ApplicationConfig): boolean {
  return (
    config.getGlobalGuards().length > 0 ||
    config.getGlobalInterceptors().length > 0 ||
    config.getGlobalPipes().length > 0 ||
    config.getGlobalFilters().length > 0
  );
}

/** Users who validate every request expect their payloads validated, too. */
export function leavesValidationOut(all: ApplicationConfig, kinds: readonly GlobalEnhancerKind[]): boolean {
  return !kinds.includes('pipes') && all.getGlobalPipes().some((pipe) => pipe instanceof ValidationPipe);
}
