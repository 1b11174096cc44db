// `npm run build`: compiles src into dist, and writes into it as text what it would else have to find beside its code:
// the Lua scripts, the pages of the dashboard, and the code of the heartbeat thread with everything that it imports. So the package runs wherever its
// code is put: in a bundle, in Jest's CommonJS, in one file.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { scriptNames, scriptText, scriptTexts } from '../src/redis/scripts/complete.mjs';
import { buildDashboard } from './build-dashboard.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What Vite puts into the pages of the dashboard. */
const OF_PAGES = ['preact', '@preact/signals', '@preact/signals-core'].map((name) => `node_modules/${name}/`);

async function build(dist) {
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', dist], { cwd: ROOT, stdio: 'inherit' });
  copyScripts(join(dist, 'redis/scripts'));
  embedScripts(dist);
  embedHeartbeat(dist);
  await buildDashboard(dist);
  embedDashboard(dist);
}

/** Complete scripts, for producers in other languages and for those who want to read them. */
function copyScripts(folder) {
  mkdirSync(folder);
  for (const name of scriptNames()) writeFileSync(join(folder, `${name}.lua`), scriptText(name));
}

/** Puts the texts of dist/redis/scripts in the place of the code that reads them from files. */
export function embedScripts(dist) {
  const texts = scriptTexts(pathToFileURL(join(dist, 'redis/scripts/')));
  replaceModule(
    join(dist, 'redis/wire/script-texts.js'),
    `const TEXTS = ${JSON.stringify(texts, undefined, 2)};\nexport const scriptTexts = () => TEXTS;\n`,
  );
}

/** A thread begins with a text: one that imports nothing but Node's own modules. */
export function embedHeartbeat(dist) {
  const entry = join(dist, 'redis/wire/heartbeat.worker.js');
  const { outputFiles, metafile } = buildSync({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    absWorkingDir: ROOT,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    logLevel: 'warning',
  });
  replaceModule(
    join(dist, 'redis/wire/heartbeat-code.js'),
    `export const HEARTBEAT_CODE = ${JSON.stringify(outputFiles[0].text)};\n`,
  );
  for (const end of ['.js', '.js.map', '.d.ts']) rmSync(entry.replace(/\.js$/, end), { force: true });
  writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), licensesOf([...Object.keys(metafile.inputs), ...OF_PAGES]));
}

/**
 * Puts the texts of dist/dashboard/ui in the place of the code that reads them. The folder stays for tests, and is not published.
 * Without it the dashboard has its data alone, and says so.
 */
export function embedDashboard(dist) {
  const ui = join(dist, 'dashboard/ui');
  const read = (name) => readFileSync(join(ui, name), 'utf8');
  const names = existsSync(join(ui, 'assets')) ? readdirSync(join(ui, 'assets')) : [];
  const files = existsSync(join(ui, 'index.html')) && {
    html: read('index.html'),
    assets: Object.fromEntries(
      names.filter((name) => !name.endsWith('.map')).map((name) => [name, read(join('assets', name))]),
    ),
  };
  replaceModule(
    join(dist, 'dashboard/ui-files.js'),
    `const FILES = ${JSON.stringify(files || undefined)};\nexport const readUiFiles = () => FILES;\n`,
  );
}

function replaceModule(path, code) {
  writeFileSync(path, code);
  rmSync(`${path}.map`, { force: true });
}

/** Of the packages whose code became part of a text. */
function licensesOf(files) {
  const folders = new Set(
    files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(relative(ROOT, join(ROOT, file)))?.[0] ?? []),
  );
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `License: ${license}` : readFileSync(join(ROOT, folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return `The heartbeat thread (redis/wire) and the pages of the dashboard hold code of these packages.\n\n${texts.join('\n----\n\n')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(join(ROOT, 'dist'));
