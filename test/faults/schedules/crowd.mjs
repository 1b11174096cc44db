// A hundred thousand schedules in one queue, one a minute each, spread over the minute by their names; two processes fire
// them and run their jobs. Before the first tick nothing is due for a while: what that costs is measured, too.
import { fork } from 'node:child_process';
import { percentile } from './evidence.mjs';

export const id = 'crowd';

const COUNT = Number(process.env.CROWD ?? 100_000);
const PROCESSES = 2;
const MINUTES = 2;
const IDLE_MS = 20_000;
/** Registrations under way at a time, while they are made. */
const LANES = 64;
const MOST_LATE_MS = 1000;
const WORKER = new URL('./crowd-process.mjs', import.meta.url);

export async function run(trial) {
  await trial.redis();
  const admin = trial.admin();
  const crowd = await import(`./crowd-of-${trial.systemName}.mjs`);
  const empty = await memoryOf(admin);
  const register = await crowd.openRegistrar(trial);
  const registering = Date.now();
  // Far enough away that all of them are stored before; whole minutes, so that each ticks once in every one.
  const startAt = Math.ceil((registering + crowd.ROOM_MS + IDLE_MS) / 60_000) * 60_000;
  let made = 0;
  const lane = async () => {
    for (let index = made++; index < COUNT; index = made++) await register.one(`tenant-${index}`, startAt);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const seconds = (Date.now() - registering) / 1000;
  const stored = await memoryOf(admin);
  await register.close();

  const processes = await Promise.all(Array.from({ length: PROCESSES }, startProcess));
  await trial.pause(3000);
  const idle = await costOf(admin, () => trial.pause(Math.min(IDLE_MS, startAt - Date.now() - 2000)));
  trial.check(Date.now() < startAt, 'the first tick came before the measurement began');
  await trial.pause(startAt - Date.now());
  const busy = await costOf(admin, () => trial.pause(startAt + MINUTES * 60_000 - Date.now()));
  // What began late still counts.
  await trial.pause(10_000);
  const { late, counts, cpuMs } = mergeOf(await Promise.all(processes.map((process) => process.report())));
  const expected = COUNT * MINUTES;
  const figures = {
    schedules: COUNT,
    processes: PROCESSES,
    registeredPerSecond: Math.round(COUNT / seconds),
    bytesPerSchedule: Math.round((stored - empty) / COUNT),
    bytesPerScheduleInUse: Math.round(((await memoryOf(admin)) - empty) / COUNT),
    idleRedisCpuPercent: idle.cpuPercent,
    idleCommandsPerSecond: idle.commandsPerSecond,
    ticks: counts.ticks,
    missing: expected - counts.ticks,
    duplicates: counts.duplicates,
    ticksPerSecond: Math.round(counts.ticks / (MINUTES * 60)),
    lateP50: percentile(late, 0.5),
    lateP99: percentile(late, 0.99),
    lateMax: percentile(late, 1),
    redisCpuPercent: busy.cpuPercent,
    redisMicrosPerTick: Math.round((busy.cpuMs * 1000) / counts.ticks),
    nodeMicrosPerTick: Math.round((cpuMs * 1000) / counts.ticks),
  };
  trial.check(figures.missing === 0, `${figures.missing} of ${expected} ticks did not run`);
  trial.check(figures.duplicates === 0, `${figures.duplicates} ticks ran twice`);
  trial.check(figures.lateP99 <= MOST_LATE_MS, `99 % of ticks began within ${figures.lateP99} ms`);
  return figures;

  async function startProcess() {
    const { systemName: system, dist, queue, server } = trial;
    const site = { system, dist, queue, connection: server.url, count: COUNT, startAt, minutes: MINUTES };
    const child = fork(WORKER, [JSON.stringify(site)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    trial.onClose(() => child.kill('SIGKILL'));
    const next = () => new Promise((resolve) => child.once('message', resolve));
    await next();
    return {
      report() {
        const answer = next();
        child.send('report');
        return answer;
      },
    };
  }
}

/** What Redis spends and is asked while `wait` lasts. */
async function costOf(admin, wait) {
  const read = async () => {
    const text = await admin.info('all');
    const of = (name) => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(text)[1]);
    const cpuMs = 1000 * (of('used_cpu_user') + of('used_cpu_sys'));
    return { at: performance.now(), cpuMs, commands: of('total_commands_processed') };
  };
  const before = await read();
  await wait();
  const after = await read();
  const ms = after.at - before.at;
  const cpuMs = after.cpuMs - before.cpuMs;
  return {
    cpuMs,
    cpuPercent: Math.round((cpuMs / ms) * 1000) / 10,
    commandsPerSecond: Math.round(((after.commands - before.commands) / ms) * 1000),
  };
}

async function memoryOf(admin) {
  return Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))[1]);
}

function mergeOf(reports) {
  const late = reports.flatMap((report) => report.late);
  const runs = new Map();
  for (const { ran } of reports) for (const key of ran) runs.set(key, (runs.get(key) ?? 0) + 1);
  return {
    late,
    counts: { ticks: runs.size, duplicates: reports.reduce((sum, { ran }) => sum + ran.length, 0) - runs.size },
    cpuMs: reports.reduce((sum, report) => sum + report.cpuMs, 0),
  };
}
