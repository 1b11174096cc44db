// The bars of the structure: `npm run house` prints each with what breaks it, and fails where one is broken.
//   sizes          a file that grows past these has a second duty
//   the worker     it decides when; whatever else it did is in files of its own
//   a plain job    the files of docs/internals.md, "The way of a plain job, file by file": what somebody reads to follow one job
//   the hooks      each move of a job stands in one part of src/redis/scripts/lib
//   the stores     both have a file of one name for each port
//   the zones      no file is excepted from the rules of import
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const LONGEST_TS = 350;
const LONGEST_LUA = 150;
const WORKER = { file: 'src/worker/worker.ts', lines: 250, fields: 15 };
const WAY = { page: 'docs/internals.md', heading: '## The way of a plain job, file by file', ts: 15, lua: 2 };
const SCRIPTS = 'src/redis/scripts';
/** Moves of a job, by the commands that make them, and the one part that may. */
const HOOKS = [
  { move: 'a job becomes ready', part: 'place', command: ['LPUSH', 'RPUSH'], keys: ['ready', 'suspects'] },
  { move: 'a job becomes ready by priority', part: 'place', command: ['ZADD'], keys: ['priority'] },
  { move: 'a worker reserves a job', part: 'take', command: ['HSET'], keys: ['inflight'] },
  { move: 'an in-flight token is deleted', part: 'leave', command: ['HDEL'], keys: ['inflight'] },
  { move: 'a job ends', part: 'end-job', command: ['ZADD'], keys: ['cancelled', 'dead'] },
  { move: 'a job ends as completed', part: 'end-job', command: ['LPUSH', 'RPUSH'], keys: ['completed'] },
];
/** Folders that bring the others together, and may import all of them. */
const COMPOSING = ['module', 'testing', 'terminus'];

const read = (file) => readFileSync(file, 'utf8');
const filesOf = (folder, extension) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name))
    .sort();
const linesOf = (file) => read(file).split('\n').length - 1;

const bars = {
  [`no TypeScript file of src has more than ${LONGEST_TS} lines`]: () => tooLong(filesOf('src', '.ts'), LONGEST_TS),
  [`no Lua script or part has more than ${LONGEST_LUA} lines`]: () => tooLong(filesOf(SCRIPTS, '.lua'), LONGEST_LUA),
  [`${WORKER.file} has at most ${WORKER.lines} lines and ${WORKER.fields} fields`]: worker,
  [`a plain job passes at most ${WAY.ts} TypeScript files and ${WAY.lua} scripts (${WAY.page})`]: way,
  ...Object.fromEntries(
    HOOKS.map((hook) => [`only lib/${hook.part}.lua has it that ${hook.move} (${namesOf(hook)})`, () => moves(hook)]),
  ),
  'redis/ and memory/ implement each port of core/ports in a file of the same name': mirrored,
  'no file is excepted from the zones of import': zones,
};

let broken = 0;
for (const [bar, look] of Object.entries(bars)) {
  const problems = look();
  console.log(`${problems.length === 0 ? 'ok     ' : 'BROKEN '} ${bar}`);
  for (const problem of problems) console.log(`          ${problem}`);
  if (problems.length > 0) broken++;
}
console.log(`${Object.keys(bars).length - broken} bars hold, ${broken} are broken`);
process.exitCode = broken > 0 ? 1 : 0;

function tooLong(files, limit) {
  return files
    .map((file) => ({ file, lines: linesOf(file) }))
    .filter(({ lines }) => lines > limit)
    .map(({ file, lines }) => `${file}: ${lines} lines`);
}

function worker() {
  const problems = tooLong([WORKER.file], WORKER.lines);
  const fields = parse(WORKER.file)
    .statements.filter(ts.isClassDeclaration)
    .flatMap(({ members }) => members)
    .flatMap((member) => {
      if (ts.isPropertyDeclaration(member)) return [member];
      if (!ts.isConstructorDeclaration(member)) return [];
      return member.parameters.filter((parameter) => ts.isParameterPropertyDeclaration(parameter, member));
    });
  if (fields.length > WORKER.fields) problems.push(`${WORKER.file}: ${fields.length} fields`);
  return problems;
}

/** The page lists files as a tree: each is called by the one above it that is indented less. One that two call stands twice. */
function way() {
  const text = read(WAY.page);
  const [, section] = text.split(`\n${WAY.heading}\n`);
  const block = section && /```text\n([^]*?)```/.exec(section)?.[1];
  if (!block) return [`${WAY.page} has no block of text under "${WAY.heading}"`];
  const problems = [];
  const listed = new Set();
  const callers = [];
  for (const line of block.trimEnd().split('\n')) {
    const [, indent, name] = /^( *)(\S+)/.exec(line);
    const file = join('src', name);
    while (callers.length > 0 && callers.at(-1).indent >= indent.length) callers.pop();
    const caller = callers.at(-1)?.file;
    callers.push({ indent: indent.length, file });
    listed.add(file);
    if (!existsSync(file)) problems.push(`${name} does not exist`);
    else if (caller !== undefined && existsSync(caller) && !calls(caller, file)) {
      problems.push(`${relative('src', caller)} does not import ${name}, nor a port that it implements`);
    }
  }
  const counts = { ts: WAY.ts, lua: WAY.lua };
  for (const [extension, limit] of Object.entries(counts)) {
    const count = [...listed].filter((file) => file.endsWith(`.${extension}`)).length;
    if (count > limit) problems.push(`${count} files of .${extension}, more than ${limit}`);
  }
  return problems;
}

function calls(caller, file) {
  if (file.endsWith('.lua')) return new RegExp(`['.]${/([^/]+)\.lua$/.exec(file)[1]}\\b`).test(read(caller));
  const imported = importsOf(caller);
  if (imported.has(file)) return true;
  const ports = [...imported].filter((path) => path.startsWith('src/core/'));
  const reached = new Set([...ports, ...ports.flatMap((port) => [...importsOf(port)])]);
  return portsOf(file).some((port) => reached.has(port));
}

function mirrored() {
  const found = (folder, port) =>
    filesOf(folder, '.ts')
      .filter((file) => dirname(file) === folder && portsOf(file).includes(port))
      .map((file) => relative(folder, file));
  return filesOf('src/core/ports', '.ts').flatMap((port) => {
    const [redis, memory] = [found('src/redis', port), found('src/memory', port)];
    if (port.endsWith('/store.ts') || (redis.length === 1 && redis[0] === memory[0] && memory.length === 1)) return [];
    return [`${port}: in redis/ by ${redis.join(', ') || 'none'}, in memory/ by ${memory.join(', ') || 'none'}`];
  });
}

/** @returns {Set<string>} files of src that a file imports, types included */
function importsOf(file) {
  const found = new Set();
  for (const statement of parse(file).statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    const { text } = statement.moduleSpecifier;
    if (text.startsWith('.')) found.add(pathOf(file, text));
  }
  return found;
}

/** Files that declare the interfaces which the classes of a file implement. */
function portsOf(file) {
  const source = parse(file);
  const names = source.statements
    .filter(ts.isClassDeclaration)
    .flatMap(({ heritageClauses = [] }) => heritageClauses)
    .filter(({ token }) => token === ts.SyntaxKind.ImplementsKeyword)
    .flatMap(({ types }) => types.map(({ expression }) => expression.getText(source)));
  return source.statements
    .filter(ts.isImportDeclaration)
    .filter(({ importClause }) =>
      importClause?.namedBindings?.elements?.some((element) => names.includes(element.name.text)),
    )
    .map(({ moduleSpecifier }) => pathOf(file, moduleSpecifier.text));
}

function pathOf(file, specifier) {
  return relative('.', resolve(dirname(file), specifier.replace(/\.js$/, '.ts')));
}

function parse(file) {
  return ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
}

function namesOf({ command, keys }) {
  return `${command.join(' or ')} of ${keys.join(' or ')}`;
}

function moves({ part, command, keys }) {
  const pattern = new RegExp(`'(?:${command.join('|')})',\\s*(?:q\\.)?(?:${keys.join('|')})\\b`);
  const problems = [];
  let isThere = false;
  for (const file of filesOf(SCRIPTS, '.lua')) {
    const isPart = file === join(SCRIPTS, 'lib', `${part}.lua`);
    for (const [index, line] of read(file).split('\n').entries()) {
      if (!pattern.test(line.replace(/--.*/, ''))) continue;
      if (isPart) isThere = true;
      else problems.push(`${file}:${index + 1}`);
    }
  }
  if (!isThere) problems.push(`lib/${part}.lua has no such command`);
  return problems;
}

function zones() {
  const { forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
  const excepted = forbidden
    .filter(({ from }) => [from.pathNot ?? []].flat().some((path) => /\.ts|\.\*/.test(path) && !/index/.test(path)))
    .map(({ name, from }) => `rule ${name} excepts ${from.pathNot}`);
  const ruled = new Set(forbidden.map(({ name }) => name));
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const free = folders
    .map(({ name }) => name)
    .filter((name) => !COMPOSING.includes(name) && !ruled.has(`zone-${name}`))
    .map((name) => `src/${name} has no zone`);
  return [...excepted, ...free];
}
