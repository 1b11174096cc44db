import type { LazyModuleLoader } from '@nestjs/core';

/**
 * Nest calls no hook of a module that is loaded lazily, and tells nobody of it. So the loader of this app, and of no other,
 * does one thing more: what it loads counts as loaded when its handlers are known and run.
 * @param onLoaded what it throws, the call of `load` rejects with
 */
export function afterLazyLoads(loader: Pick<LazyModuleLoader, 'load'>, onLoaded: () => Promise<void>): void {
  const load = loader.load.bind(loader);
  // One look at a time, however many modules are loaded side by side.
  let last: Promise<void> = Promise.resolve();
  loader.load = async (...args) => {
    const moduleRef = await load(...args);
    const looked = last.then(onLoaded);
    last = looked.catch(() => {});
    await looked;
    return moduleRef;
  };
}
