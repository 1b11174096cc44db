// Five processes with three every-second schedules. The one that fires is killed or frozen for ten seconds, in turns, every
// seven seconds; a rolling deployment changes the rules in the middle; Redis stands still for five seconds.
import { instant } from '../history.mjs';
import { percentile, tickOf } from './evidence.mjs';

export const id = 'chaos';

const PROCESSES = 5;
const SECONDS = 120;
const FAULT_EVERY_MS = 7000;
const FROZEN_MS = 10_000;
const DEPLOY_AT_MS = 48_000;
const REDIS_FROZEN_AT_MS = 90_000;
const REDIS_FROZEN_MS = 5000;
const POLICIES = ['once', 'skip', 'all'];
/** Between a kill and the process that an orchestrator starts in its place. */
const RESTART_MS = 1000;
const MOST_LATE_MS = 2000;

export async function run(trial, { fireNote }) {
  const server = await trial.redis();
  const admin = trial.admin();
  const site = (version) => ({
    schedules: Object.fromEntries(POLICIES.map((missed) => [missed, ruleOf(trial, missed, version)])),
    concurrency: 4,
    preload: trial.ours ? [fireNote] : [],
  });
  let version = 1;
  const slots = await trial.workers(PROCESSES, site(version));
  await trial.pause(3000);
  const wall = Date.now() - instant();
  const begin = instant();
  const since = () => instant() - begin;
  const runs = new Map();
  if (trial.ours) trial.every(1500, () => keepRuns(trial, admin, runs));

  const frozen = new Set();
  const pending = [];
  const restarts = new Set();
  let kills = 0;
  let freezes = 0;
  async function strike() {
    const victim = firing(slots, frozen);
    if (victim === undefined) return;
    if ((kills + freezes) % 2 === 0) {
      freezes++;
      frozen.add(victim);
      victim.kill('SIGSTOP');
      pending.push(
        trial.pause(FROZEN_MS).then(() => {
          victim.kill('SIGCONT');
          frozen.delete(victim);
        }),
      );
    } else {
      kills++;
      const slot = slots.indexOf(victim);
      victim.kill();
      restarts.add(slot);
      pending.push(
        trial.pause(RESTART_MS).then(async () => {
          slots[slot] = await trial.worker(site(version));
          restarts.delete(slot);
        }),
      );
    }
  }
  async function deploy() {
    version = 2;
    for (let slot = 0; slot < PROCESSES; slot++) {
      while (restarts.has(slot)) await trial.pause(100);
      const old = slots[slot];
      slots[slot] = await trial.worker(site(version));
      old.kill('SIGTERM');
      await trial.pause(2000);
    }
  }
  const deployment = trial.pause(DEPLOY_AT_MS).then(deploy);
  let redisFrozen;
  const freeze = trial.pause(REDIS_FROZEN_AT_MS).then(async () => {
    redisFrozen = { from: instant() + wall };
    server.pause();
    await trial.pause(REDIS_FROZEN_MS);
    server.resume();
    redisFrozen.to = instant() + wall;
  });
  for (let round = 1; round * FAULT_EVERY_MS < SECONDS * 1000 - FROZEN_MS; round++) {
    // Every other one in the very moment in which ticks are fired.
    const second = begin + wall + round * FAULT_EVERY_MS;
    const offsetMs = round % 2 === 0 ? trial.random() * 1000 : 1000 - (second % 1000) + 60 * trial.random();
    await trial.pause(round * FAULT_EVERY_MS + offsetMs - since());
    await strike();
  }
  await Promise.all([deployment, freeze]);
  await trial.pause(SECONDS * 1000 - since());
  await Promise.all(pending);
  // Jobs of a process that was killed come back when its lease has ended.
  await trial.pause(12_000);
  if (trial.ours) await keepRuns(trial, admin, runs);
  for (const worker of slots) worker.kill('SIGTERM');
  await Promise.race([Promise.all(slots.map(({ exited }) => exited)), trial.pause(10_000)]);

  const { jobs, violations } = await (await trial.auditor()).audit();
  const span = {
    from: Math.ceil((begin + wall) / 1000) * 1000,
    to: Math.floor((begin + wall) / 1000 + SECONDS) * 1000,
  };
  const evidence = { trial, wall, span, redisFrozen, runs, fires: jobs.length > 0 ? jobs.map(tickOf) : firesOf(trial) };
  const figures = { seconds: SECONDS, kills, freezes, ...figuresOf(evidence), violations: violations.length };
  judge(trial, figures);
  for (const violation of violations) trial.check(false, `store: ${violation}`);
  return figures;
}

function ruleOf({ ours }, missed, version) {
  return { expression: '* * * * * *', payload: { version, ms: 20 }, ...(ours && { missed }) };
}

/** Who fired last of those that can; a system that does not say so: who ran last. */
function firing(slots, frozen) {
  const able = slots.filter((worker) => !frozen.has(worker) && worker.child.exitCode === null && !worker.child.killed);
  const lastOf = (worker) => {
    const entries = worker.entries();
    const last = entries.findLast(({ type }) => type === 'fired') ?? entries.findLast(({ type }) => type === 'start');
    return last?.at ?? 0;
  };
  return able.sort((a, b) => lastOf(b) - lastOf(a))[0];
}

/** When each tick was fired, by the clock of Redis: the store keeps the last ten of a schedule. */
async function keepRuns(trial, admin, runs) {
  const auditor = await trial.auditor();
  for (const [name, text] of Object.entries(await admin.hgetall(auditor.key('runs')))) {
    for (const entry of text.split(' ')) {
      const [tick, firedAt] = entry.split(':').map(Number);
      runs.set(`${name}@${tick}`, firedAt);
    }
  }
}

/** Without a store each run is a fire of its own. */
function firesOf(trial) {
  const starts = trial.entries().filter(({ type, schedule }) => type === 'start' && schedule !== undefined);
  return starts.map(({ schedule, tick, missed }) => ({ schedule, tick, missed }));
}

function figuresOf({ trial, wall, span, redisFrozen, runs, fires }) {
  const starts = trial.entries().filter(({ type, schedule }) => type === 'start' && schedule !== undefined);
  const isFrozen = (tick) => tick > redisFrozen.from - 1000 && tick <= redisFrozen.to;
  const inSpan = ({ tick }) => tick >= span.from && tick <= span.to;
  const figures = { ticks: 0, fires: 0, duplicates: 0, missed: {}, gaps: {}, setBack: 0 };
  for (const schedule of POLICIES) {
    const own = fires.filter((fire) => fire.schedule === schedule).sort((a, b) => a.tick - b.tick);
    const ticks = [...new Map(own.map((fire) => [fire.tick, fire])).values()];
    figures.duplicates += own.length - ticks.length;
    figures.fires += own.filter(inSpan).length;
    figures.ticks += (span.to - span.from) / 1000 + 1;
    const fired = new Set(ticks.map(({ tick }) => tick));
    let missed = 0;
    for (let tick = span.from; tick <= span.to; tick += 1000) if (!fired.has(tick)) missed++;
    figures.missed[schedule] = missed;
    figures.gaps[schedule] = gapsOf(ticks.filter(({ tick }) => tick >= span.from - 1000 && tick <= span.to + 1000));
    const changed = ticks.find(({ version }) => version === 2);
    figures.setBack += ticks.filter(({ tick, version }) => version === 1 && tick > changed?.tick).length;
  }
  const lateness = new Map();
  for (const { schedule, tick, at } of starts) {
    const key = `${schedule}@${tick}`;
    lateness.set(key, Math.min(lateness.get(key) ?? Infinity, at + wall - tick));
  }
  const outside = [...lateness].filter(([key]) => {
    const tick = Number(key.split('@')[1]);
    return inSpan({ tick }) && !isFrozen(tick);
  });
  const begun = outside.map(([, ms]) => ms);
  figures.begunP50 = percentile(begun, 0.5);
  figures.begunP99 = percentile(begun, 0.99);
  figures.begunMax = percentile(begun, 1);
  figures.extraRuns = starts.length - lateness.size;
  if (runs.size > 0) {
    const firedLate = outside
      .filter(([key]) => runs.has(key))
      .map(([key]) => runs.get(key) - Number(key.split('@')[1]));
    figures.firedKnown = firedLate.length;
    figures.firedP50 = percentile(firedLate, 0.5);
    figures.firedP99 = percentile(firedLate, 0.99);
    figures.firedMax = percentile(firedLate, 1);
  }
  return figures;
}

/** Ticks without a job of their own, and whether the job after them says how many they were. */
function gapsOf(ticks) {
  const gaps = { count: 0, told: 0, wrong: 0 };
  for (let index = 1; index < ticks.length; index++) {
    const between = (ticks[index].tick - ticks[index - 1].tick) / 1000 - 1;
    if (between > 0) gaps.count++;
    if (between > 0 && ticks[index].missed === between) gaps.told++;
    else if (ticks[index].missed !== between) gaps.wrong++;
  }
  return gaps;
}

function judge(trial, figures) {
  trial.check(figures.duplicates === 0, `${figures.duplicates} ticks were fired twice`);
  trial.check(figures.missed.all === 0, `${figures.missed.all} ticks of missed: 'all' have no job`);
  const { once } = figures.gaps;
  trial.check(once.wrong === 0 && once.told === once.count, `gaps of missed: 'once' are ${JSON.stringify(once)}`);
  trial.check(figures.setBack === 0, `${figures.setBack} ticks were fired by a rule that had been replaced`);
  // Who keeps no such time is known by the beginning of its handlers.
  const firedP99 = figures.firedP99 ?? figures.begunP99;
  trial.check(firedP99 <= MOST_LATE_MS, `99 % of ticks were fired within ${firedP99} ms`);
}
