import type { ModulesContainer } from '@nestjs/core';

/** Its hooks come first of all at boot and last of all at shutdown. */
export const OUTERMOST = Infinity;

/** Its hooks come last of all at boot and first of all at shutdown; the root module has 0. */
export const INNERMOST = -1;

/**
 * Nest calls hooks module by module, sorted by each module's distance from the root: the root last at boot and first at
 * shutdown. A module of ours would be asked to shut down after users' modules, and a handler that still runs would find
 * its database closed. So the two modules of this package take the two ends of that order. The distance is an accessor
 * of Nest's `Module` in 11 and 12, and nothing sorts by it before every provider exists.
 */
export function placeInHookOrder(
  modules: ModulesContainer,
  moduleClass: unknown,
  provider: unknown,
  distance: number,
): void {
  for (const module of modules.values()) {
    if (module.metatype === moduleClass && module.providers.has(provider as never)) module.distance = distance;
  }
}
