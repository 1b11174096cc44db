import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

// Fake timers of test runners replace the globals, and a test that moves no clock would wait for ever for a job that is to
// begin now. What only puts work off for a moment runs by these; what waits for a time goes by the globals, so that a fake
// clock moves delays, backoffs and schedules.

// Jest gives each test file a copy of `process`, and may have replaced its functions before this is loaded.
const { nextTick } = process.getBuiltinModule?.('node:process') ?? process;
const { setImmediate, setTimeout } = timers;
const realNow = performance.now.bind(performance);

export { nextTick, realNow, setImmediate, setTimeout };
