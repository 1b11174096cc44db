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

export function writeResults(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`);
}

export function versionOf(system) {
  return JSON.parse(readFileSync(new URL(VERSIONS[system], import.meta.url), 'utf8')).version;
}

/** The results of several runs under one system and profile. A run replaces what earlier ones left of its trials. */
export class ResultsFile {
  /** Trials of this run: with --repeat there are several seeds of one. */
  #own = new Set();

  constructor(path, { system, profile }) {
    this.path = path;
    const existing = readResults(path);
    const fits = existing?.system === system && existing.profile === profile;
    const trials = fits ? existing.trials : [];
    this.content = { system, version: versionOf(system), profile, machine: describeMachine(), trials };
  }

  put({ id, name, seed, ms, figures, failures, note }) {
    const isReplaced = (trial) => trial.id === id && (trial.seed === seed || !this.#own.has(id));
    const kept = this.content.trials.filter((trial) => !isReplaced(trial));
    this.#own.add(id);
    const trial = { id, name, seed, seconds: Math.round(ms / 1000), figures, failures, note: note?.split('\n')[0] };
    this.content.trials = [...kept, trial].sort((a, b) => a.id.localeCompare(b.id) || a.seed.localeCompare(b.seed));
    writeResults(this.path, this.content);
  }
}

/** What each mutant was caught by, by its name. */
export class MutantsFile {
  #path = keptResults('mutants');
  #caught;

  /** @param {string[]} names of all there are: others are forgotten */
  constructor(names) {
    const kept = readResults(this.#path)?.caught ?? {};
    this.#caught = Object.fromEntries(Object.entries(kept).filter(([name]) => names.includes(name)));
  }

  put(name, { fault, seed, said }) {
    this.#caught[name] = { fault, seed, said };
    writeResults(this.#path, { version: versionOf('task-queue'), caught: this.#caught });
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
