import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('results', import.meta.url));
const PEERS = ['bullmq', 'bee-queue', 'ioredis'];

/** The results of one or several runs, written after every scenario, so that a run that is stopped is not lost. */
export class ResultsFile {
  constructor(path = join(FOLDER, `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`)) {
    this.path = path;
    this.content = readExisting(path) ?? { version: 1, series: [] };
  }

  describe(server) {
    this.content.machine = {
      cpu: cpus()[0]?.model.trim(),
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 1024 ** 3),
      platform: `${platform()} ${arch()}`,
      node: process.version,
      server,
    };
    this.content.versions = Object.fromEntries([
      ['nestjs-task-queue', versionIn('../package.json')],
      ...PEERS.map((peer) => [peer, versionIn(`node_modules/${peer}/package.json`)]),
    ]);
  }

  /** Takes the place of what the file has for the same scenario, conditions and systems. */
  put(series) {
    const keyOf = ({ scenario, conditions, rows }) =>
      JSON.stringify([scenario, conditions, rows.map(({ system }) => system)]);
    const kept = this.content.series.filter((other) => keyOf(other) !== keyOf(series));
    this.content.series = [...kept, series];
    this.content.finishedAt = series.finishedAt;
    mkdirSync(dirname(this.path), { recursive: true });
    writeFileSync(this.path, `${JSON.stringify(this.content, undefined, 2)}\n`);
  }
}

export function readNewestResults() {
  let names;
  try {
    names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  } catch {
    names = [];
  }
  const newest = names
    .map((name) => readExisting(join(FOLDER, name)))
    .toSorted((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1))[0];
  if (newest === undefined)
    throw new Error('There are no results yet: run `npm run bench` first, or give a file with --from');
  return newest;
}

export function readResults(path) {
  const results = readExisting(path);
  if (results === undefined) throw new Error(`No results in ${path}`);
  return results;
}

function readExisting(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function versionIn(file) {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).version;
}
