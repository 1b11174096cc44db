// A copy of dist for one run: another build may begin meanwhile, and a mutant may change a line.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedScripts } from '../../scripts/build.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = join(ROOT, 'build/faults');

const BUILT = process.env.FAULTS_DIST ?? join(ROOT, 'dist');

/** @throws where a change matches nothing in what was built: said before any trial begins, not an hour into them. */
export function expectMatches(name, changes, dist = BUILT) {
  for (const change of changes) changed(name, change, dist);
}

function changed(name, { file, from, to }, folder) {
  const before = readFileSync(join(folder, file), 'utf8');
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${name}: nothing in ${file} matches ${from}`);
  return after;
}

/**
 * @param {string} name
 * @param {{ file: string, from: string | RegExp, to: string | ((match: string) => string) }[]} [changes] each must match
 * @param {string} [dist] what is copied
 * @returns {string} the folder of the copy
 */
export function copyBuild(name, changes = [], dist = BUILT) {
  if (!existsSync(join(dist, 'index.js'))) throw new Error('There is no dist: npm run build');
  const folder = join(FOLDER, `${name}-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  cpSync(dist, folder, { recursive: true });
  for (const change of changes) writeFileSync(join(folder, change.file), changed(name, change, folder));
  if (changes.some(({ file }) => file.endsWith('.lua'))) embedScripts(folder);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
