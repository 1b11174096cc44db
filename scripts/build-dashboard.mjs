// Builds the front end of the dashboard into dist/dashboard/ui, and fails where it is larger than it may be:
//   node scripts/build-dashboard.mjs [dist]
// What it weighs is printed, in gzipped kilobytes: `first` is what the first page loads, `all` every chunk that there is.
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MOST_FIRST_KB = 40;
const MOST_KB = 65;

/** @param {string} dist the folder of the package's code */
export async function buildDashboard(dist) {
  const outDir = join(dist, 'dashboard/ui');
  rmSync(outDir, { recursive: true, force: true });
  await build({
    root: join(ROOT, 'src/dashboard/ui'),
    configFile: false,
    base: './',
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      emptyOutDir: false,
      target: ['es2022'],
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      cssCodeSplit: false,
      reportCompressedSize: false,
    },
  });
  return weigh(outDir);
}

/** @returns {{ firstKb: number, allKb: number, diskKb: number }} @throws where it weighs too much */
export function weigh(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, path: join(folder, name) }))
    .filter(({ path }) => statSync(path).isFile());
  const kb = (list) =>
    list.reduce((sum, { path }) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0) / 1000;
  const code = files.filter(({ name }) => /\.(js|css)$/.test(name));
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const firstKb = kb(code.filter(({ name }) => html.includes(name)));
  const allKb = kb(code);
  const diskKb = files.reduce((sum, { path }) => sum + statSync(path).size, 0) / 1000;
  if (firstKb > MOST_FIRST_KB || allKb > MOST_KB) {
    throw new Error(
      `The dashboard weighs ${firstKb.toFixed(1)} kB at first and ${allKb.toFixed(1)} kB in all; ` +
        `it may weigh ${MOST_FIRST_KB} and ${MOST_KB}. Load a page lazily, or leave something out.`,
    );
  }
  return { firstKb, allKb, diskKb };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { firstKb, allKb, diskKb } = await buildDashboard(process.argv[2] ?? join(ROOT, 'dist'));
  console.log(
    `first ${firstKb.toFixed(1)} kB, all ${allKb.toFixed(1)} kB (JS and CSS, gzipped); ${diskKb.toFixed(0)} kB on disk`,
  );
}
