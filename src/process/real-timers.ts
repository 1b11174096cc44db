import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

// Fake timers of test runners replace the globals, and a test that moves no clock would wait for ever for a job that is to
// begin now. What only puts work off for a moment runs by these; what waits for a time goes by the globals, so that a fake
// clock moves delays, backoffs and schedules.

// Jest gives each test file a copy of `process`, and may have replaced its functions before this is loaded.
// oxlint-disable-next-line no-restricted-globals -- nothing here is a clock of core: these only put work off
const real = process.getBuiltinModule('node:process');
const nextTick: typeof real.nextTick = real.nextTick.bind(real);
const { clearTimeout, setImmediate, setInterval, setTimeout } = timers;
const realNow = performance.now.bind(performance);

export { clearTimeout, nextTick, realNow, setImmediate, setInterval, setTimeout };
