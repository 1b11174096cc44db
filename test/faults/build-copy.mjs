// A copy of dist for one run: another build may begin meanwhile, and a mutant may change a line.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embedScripts } from '../../scripts/build.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = join(ROOT, 'build/faults');

/**
 * @param {string} name
 * @param {{ file: string, from: string | RegExp, to: string | ((match: string) => string) }[]} [changes] each must match
 * @param {string} [dist] what is copied
 * @returns {string} the folder of the copy
 */
export function copyBuild(name, changes = [], dist = process.env.FAULTS_DIST ?? join(ROOT, 'dist')) {
  if (!existsSync(join(dist, 'index.js'))) throw new Error('There is no dist: npm run build');
  const folder = join(FOLDER, `${name}-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  cpSync(dist, folder, { recursive: true });
  for (const { file, from, to } of changes) {
    const path = join(folder, file);
    const before = readFileSync(path, 'utf8');
    const after = before.replace(from, to);
    if (after === before) throw new Error(`${name}: nothing in ${file} matches ${from}`);
    writeFileSync(path, after);
  }
  if (changes.some(({ file }) => file.endsWith('.lua'))) embedScripts(folder);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
