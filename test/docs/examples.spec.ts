import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import { Logger } from '@nestjs/common';
import ts from 'typescript';
import { CronExpression } from '../../src/schedules/rule/cron-expression.js';
import { layerJobOptions } from '../../src/options/job-options-reader.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import { ExampleFolder, listPages, readBlocks, readLinks } from './example-collector.js';
import { readTable, textOf } from './table-reader.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = listPages(root);
const folder = new ExampleFolder(root);
const marked = (mark: string) => folder.examples.filter(({ marks }) => marks.includes(mark));
Logger.overrideLogger(false);
afterAll(() => folder.remove());

describe('TypeScript', () => {
  it('type-checks', () => {
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path));
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const program = ts.createProgram(
      folder.examples.map(({ path }) => path),
      { ...options, rootDir: undefined, outDir: undefined, noEmit: true, noUnusedLocals: false },
    );
    const mistakes = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
      const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
      return `${folder.locate(file?.fileName ?? '', line)} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
    expect(mistakes).toEqual([]);
  }, 120_000);

  it.each(marked('run').map((example) => [`${example.page}:${example.line}`, example] as const))(
    'of %s runs and prints what it says',
    async (_place, { path, code }) => {
      const printed: string[] = [];
      const log = jest.spyOn(console, 'log').mockImplementation((...args) => void printed.push(format(...args)));
      try {
        await import(path);
      } finally {
        log.mockRestore();
      }
      expect(printed).not.toEqual([]);
      expect(printed).toEqual([...code.matchAll(/^\s*console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text));
    },
  );
});

// Their `it` registers here.
for (const { path } of marked('test')) await import(path);

describe('Python', () => {
  const blocks = pages.flatMap((page) => readBlocks(root, page)).filter(({ language }) => language === 'python');
  const python = [process.env.PYTHON ?? '', '/usr/bin/python3', 'python3'].find(
    (command) => command !== '' && spawnSync(command, ['--version']).status === 0,
  );
  (python === undefined ? it.skip : it).each(blocks.map((block) => [`${block.page}:${block.line}`, block] as const))(
    'of %s can be read',
    (_place, { code }) => {
      execFileSync(python as string, ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], { input: code });
    },
  );
});

describe('pages', () => {
  it.each(pages)('%s links to files that exist', (page) => {
    const missing = readLinks(root, page).filter((target) => !existsSync(join(root, dirname(page), target)));
    expect(missing).toEqual([]);
  });

  it('show the defaults as they are', async () => {
    const example = folder.examples.find(({ marks }) => marks.includes('file=all-defaults.ts'));
    const { allDefaults } = (await import(example?.path as string)) as { allDefaults: object };
    const { defaults, queues, ...rest } = readModuleOptions(allDefaults, 'production');
    const { defaults: _defaults, queues: _queues, ...expected } = readModuleOptions({}, 'production');
    expect(rest).toEqual(expected);
    // Written out, the number of attempts is that of every job, of those of schedules too.
    expect(layerJobOptions(defaults)).toEqual({ ...DEFAULTS.job, maxAttemptsOfTicks: DEFAULTS.job.maxAttempts });
    expect(queues.mail).toEqual({ job: {}, worker: DEFAULTS.worker, inbox: undefined });
  });

  it('tell what schedules do when clocks change', () => {
    const rows = readTable(join(root, 'docs', 'guides', 'schedules.md'), '| Expression').map(
      ([pattern, day, ticks]) => ({
        pattern: textOf(pattern),
        day: textOf(day),
        ticks: ticks.split(',').map(textOf),
      }),
    );
    expect(rows.length).toBeGreaterThan(5);
    for (const { pattern, day, ticks } of rows) {
      const [date, timeZone] = day.split(' ');
      expect({ pattern, day, ticks: ticksOn(pattern, date, timeZone) }).toEqual({ pattern, day, ticks });
    }
  });
});

/** Local times, `HH:mm`, of the ticks from midnight to 04:00 of a day; a repeated hour shows twice. */
function ticksOn(pattern: string, date: string, timeZone: string): string[] {
  const expression = CronExpression.parse(pattern, timeZone);
  const ticks: string[] = [];
  let at = Date.parse(`${date}T00:00:00Z`) - 86_400_000;
  for (;;) {
    const next = expression.nextTick(at);
    if (next === undefined) return ticks;
    const [day, time] = new Date(next).toLocaleString('sv', { timeZone }).split(' ');
    if (day > date || (day === date && time >= '04:00')) return ticks;
    if (day === date) ticks.push(time.slice(0, 5));
    at = next;
  }
}
