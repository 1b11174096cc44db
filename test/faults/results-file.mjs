// What trials measured, kept beside the suite: the pages are rendered from it, never written by hand.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('./results/', import.meta.url);
const VERSIONS = { 'task-queue': '../../package.json', bullmq: '../../bench/node_modules/bullmq/package.json' };

/** Where the figures of a system lie that the pages show. */
export function keptResults(system) {
  return fileURLToPath(new URL(`${system}.json`, FOLDER));
}

export function readResults(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** The results of several runs under one system and profile: a trial with a seed that is there already replaces it. */
export class ResultsFile {
  constructor(path, { system, profile }) {
    this.path = path;
    const existing = readResults(path);
    const fits = existing?.system === system && existing.profile === profile;
    const { version } = JSON.parse(readFileSync(new URL(VERSIONS[system], import.meta.url), 'utf8'));
    this.content = { system, version, profile, machine: describeMachine(), trials: fits ? existing.trials : [] };
  }

  put({ id, name, seed, ms, figures, failures, note }) {
    const kept = this.content.trials.filter((trial) => trial.id !== id || trial.seed !== seed);
    const trial = { id, name, seed, seconds: Math.round(ms / 1000), figures, failures, note: note?.split('\n')[0] };
    this.content.trials = [...kept, trial].sort((a, b) => a.id.localeCompare(b.id) || a.seed.localeCompare(b.seed));
    mkdirSync(dirname(this.path), { recursive: true });
    writeFileSync(this.path, `${JSON.stringify(this.content, undefined, 2)}\n`);
  }
}

export function describeMachine() {
  const server = execFileSync(process.env.REDIS_SERVER || 'redis-server', ['--version'], { encoding: 'utf8' });
  return {
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    redis: /v=([\d.]+)/.exec(server)?.[1],
  };
}
