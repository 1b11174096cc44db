import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** One fenced block of a page, with what its info string says behind the language. */
export interface Block {
  /** Path of the page, from the root of the project. */
  page: string;
  /** Line of the page on which the code begins, from 1. */
  line: number;
  language: string;
  marks: readonly string[];
  code: string;
}

/** A TypeScript block as a module of its own. */
export interface Example extends Block {
  /** Absolute path of the module. */
  path: string;
}

const FENCE = /^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm;

const GUIDES = join('docs', 'guides');

/** Every page for people. */
export function listPages(root: string): string[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = docs.filter((file) => file.endsWith('.md')).map((file) => join('docs', file));
  return ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...pages.sort()];
}

export function readBlocks(root: string, page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(FENCE)].map((match) => {
    const [, language, info, code] = match;
    const marks = info.split(' ').filter((mark) => mark !== '');
    return { page, line: lineAt(text, match.index) + 1, language, marks, code };
  });
}

/** Targets of links to other files of the project. */
export function readLinks(root: string, page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(FENCE, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target.split('#')[0]);
  return targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}

/**
 * Writes the `ts` blocks of the README and the guides as modules into a folder outside of the project, each
 * page a folder of its own:
 *
 *     ts              type-checked
 *     ts run          type-checked and run; `console.log(x); // text` has to print that text
 *     ts test         type-checked, and its tests are run
 *     ts file=a.ts    can be imported by later blocks of its page as './a.js'
 *     ts ignore       left alone
 */
export class ExampleFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'task-queue-examples-'));
  readonly examples: Example[] = [];

  constructor(private readonly root: string) {
    symlinkSync(join(root, 'node_modules'), join(this.path, 'node_modules'));
    writeFileSync(join(this.path, 'package.json'), '{ "type": "module" }');
    const compiled = listPages(root).filter((page) => page === 'README.md' || page.startsWith(GUIDES));
    for (const page of compiled) this.writePage(page);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  private writePage(page: string): void {
    const folder = join(this.path, page.replace(/\.md$/, ''));
    const blocks = readBlocks(this.root, page).filter(({ language }) => language === 'ts');
    if (blocks.length > 0) mkdirSync(folder, { recursive: true });
    for (const block of blocks) {
      if (block.marks.includes('ignore')) continue;
      const named = block.marks.find((mark) => mark.startsWith('file='))?.slice('file='.length);
      const path = join(folder, named ?? `line-${block.line}.ts`);
      // Without an import or an export a file is no module, and its names are everybody's.
      writeFileSync(path, `${block.code}\nexport {};\n`);
      this.examples.push({ ...block, path });
    }
  }

  /** Where on its page a line of a module stands. */
  locate(path: string, line: number): string {
    const example = this.examples.find((one) => one.path === path);
    if (example === undefined) return `${relative(this.root, path)}:${line}`;
    return `${example.page}:${example.line + line - 1}`;
  }
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
