// Clocks, Redis counters and quantiles.

/** The monotonic clock in µs: the same in every process of one machine. */
export const nowUs = () => Number(process.hrtime.bigint() / 1000n);

export const round = (value, digits = 0) => Number(value.toFixed(digits));

export function cpuSeconds(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

/** What one Redis has done so far; CPU is that of its main thread, the one that all clients share. */
export async function readCounters(admin) {
  const info = parseInfo(await admin.info('all'));
  const number = (key) => Number(info.get(key));
  return {
    cpu: number('used_cpu_user_main_thread') + number('used_cpu_sys_main_thread'),
    commands: number('total_commands_processed'),
    reads: number('total_reads_processed'),
    memory: number('used_memory'),
    clients: number('connected_clients'),
  };
}

export async function readServer(admin) {
  const info = parseInfo(await admin.info('server'));
  const valkey = info.get('valkey_version');
  return valkey ? `Valkey ${valkey}` : `Redis ${info.get('redis_version')}`;
}

/** µs and calls of every command so far, by name. Commands that scripts call are counted by themselves, too. */
export async function readCommandTimes(admin) {
  const info = parseInfo(await admin.info('commandstats'));
  const times = new Map();
  for (const [key, value] of info) {
    if (!key.startsWith('cmdstat_')) continue;
    const [, calls, us] = /^calls=(\d+),usec=(\d+)/.exec(value);
    times.set(key.slice('cmdstat_'.length), { calls: Number(calls), us: Number(us) });
  }
  return times;
}

function parseInfo(text) {
  const lines = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** @param {Iterable<number>} samples */
export function quantiles(samples, unit = 1) {
  const sorted = Float64Array.from(samples).sort();
  const at = (share) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] / unit, unit > 1 ? 1 : 0);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** What `jobs` jobs cost between two readings. */
export function perJob(jobs, seconds, before, after, nodeSeconds) {
  return {
    jobsPerSec: round(jobs / seconds),
    seconds: round(seconds, 3),
    redisUsPerJob: round(((after.cpu - before.cpu) / jobs) * 1e6, 2),
    nodeUsPerJob: round((nodeSeconds / jobs) * 1e6, 2),
    commandsPerJob: round((after.commands - before.commands) / jobs, 3),
  };
}
