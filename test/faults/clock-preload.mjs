// Moves the wall clock of a process (and of its threads): libfaketime without libfaketime. Monotonic clocks stay true.
const RealDate = Date;
const realNow = Date.now;
let offsetMs = Number(process.env.CLOCK_OFFSET_MS ?? 0);
globalThis.setClockOffset = (ms) => void (offsetMs = ms);
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [realNow() + offsetMs] : args));
  }
  static now() {
    return realNow() + offsetMs;
  }
};
