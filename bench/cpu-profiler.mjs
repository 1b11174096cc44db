import { Session } from 'node:inspector';
import { sumByFolder } from './cpu-profile.mjs';

const INTERVAL_US = 200;

/** V8's sampling profiler around a stretch of this process; starting and stopping happen at once. */
export class CpuProfiler {
  constructor() {
    this.session = new Session();
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
  }

  start() {
    this.session.post('Profiler.start');
  }

  /** @returns seconds by place, as {@link sumByFolder} names them */
  stop() {
    let folders;
    this.session.post('Profiler.stop', (error, answer) => {
      if (error) throw error;
      folders = sumByFolder(answer.profile);
    });
    this.session.disconnect();
    return folders;
  }
}
