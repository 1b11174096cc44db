import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guidePage } from '../../src/core/guide-page.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file): [string, string] => [file, readFileSync(join(root, 'src', file), 'utf8')]);

describe('guides that errors name', () => {
  it('lie in the repository that package.json names', () => {
    const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const [, base] = /^git\+(.+)\.git$/.exec(repository.url) ?? [];
    expect(guidePage('testing')).toBe(`${base}/blob/main/docs/guides/testing.md`);
  });

  it('exist, and are named by their whole address', () => {
    const named = sources.flatMap(([, text]) => [...text.matchAll(/guidePage\('([^']+)'\)/g)].map(([, name]) => name));
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(existsSync(join(root, 'docs/guides', `${name}.md`))).toBe(true);
    for (const [file, text] of sources) {
      if (file === join('core', 'guide-page.ts')) continue;
      const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\/\/.*$/gm, '');
      expect([file, /docs\/[\w/-]+\.md/.exec(code)?.[0]]).toEqual([file, undefined]);
    }
  });
});
