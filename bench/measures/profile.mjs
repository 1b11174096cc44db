// Where a job's time goes. In Redis: CPU of the main thread, of it the commands that clients sent (as Redis times them),
// of those the commands that scripts called; what is left of a script is Lua itself, what is left of the CPU is reading,
// parsing and answering. In Node: a CPU profile, summed by folder.
import { CpuProfiler } from '../cpu-profiler.mjs';
import { cpuSeconds, readCommandTimes, round } from '../gauges.mjs';

const SCRIPTS = ['evalsha', 'eval', 'fcall'];
/** Commands that others than the system under test send, and whoever connects. */
const NOISE = /^(info|memory|config|client|hello|flushall|monitor|script\||ping|select)/;

export async function profile(stage) {
  const { jobs, warm, concurrency } = stage.params;
  const producer = await stage.openProducer();
  await stage.preload(producer, warm);
  const enqueue = await observe(stage, jobs, async () => {
    const profiler = new CpuProfiler();
    profiler.start();
    const from = process.cpuUsage();
    await stage.preload(producer, jobs);
    const seconds = cpuSeconds(from);
    return { seconds, folders: profiler.stop() };
  });

  const worker = stage.workerProcess({ concurrency, milestones: [warm, warm + jobs], profile: true });
  await worker.ready;
  const done = worker.reached(warm + jobs);
  const warmed = worker.reached(warm);
  const started = worker.start();
  const start = await warmed;
  const drain = await observe(stage, jobs, async () => {
    const end = await done;
    await started;
    await stage.finished(producer);
    const { folders } = await worker.ask('profile');
    return { seconds: end.cpu - start.cpu, folders };
  });
  await worker.close();
  await producer.close();
  return {
    enqueue,
    drain,
    redisUs: { total: round(enqueue.redisUs.total + drain.redisUs.total, 2) },
    nodeUs: { total: round(enqueue.nodeUs.total + drain.nodeUs.total, 2) },
  };
}

async function observe(stage, jobs, run) {
  const [before, timesBefore] = [await stage.counters(), await readCommandTimes(stage.admin)];
  const { seconds, folders } = await run();
  const [after, timesAfter] = [await stage.counters(), await readCommandTimes(stage.admin)];
  const perJobUs = (us) => round(us / jobs, 3);

  const commands = {};
  let inScripts = 0;
  let scripts = 0;
  for (const [name, { us }] of timesAfter) {
    const spent = us - (timesBefore.get(name)?.us ?? 0);
    if (spent === 0 || NOISE.test(name)) continue;
    if (SCRIPTS.includes(name)) {
      scripts += spent;
    } else {
      inScripts += spent;
      commands[name] = spent;
    }
  }
  const cpu = (after.cpu - before.cpu) * 1e6;
  // Systems without scripts send these commands themselves.
  const lua = scripts > 0 ? Math.max(0, scripts - inScripts) : 0;
  // Redis times by the wall clock, which runs on where another process takes the core.
  const share = Math.min(1, cpu / (lua + inScripts));
  const redisUs = {
    total: perJobUs(cpu),
    'Lua itself': perJobUs(lua * share),
    'reading, parsing, answering': perJobUs(cpu - (lua + inScripts) * share),
    ...Object.fromEntries(Object.entries(commands).map(([name, us]) => [name, perJobUs(us * share)])),
  };

  const sampled = Object.entries(folders).filter(([place]) => place !== 'idle');
  const busy = sampled.reduce((sum, [, share]) => sum + share, 0);
  const nodeUs = { total: round((seconds / jobs) * 1e6, 3) };
  for (const [place, share] of sampled) nodeUs[place] = round(((share / busy) * seconds * 1e6) / jobs, 3);
  return { redisUs, nodeUs };
}
