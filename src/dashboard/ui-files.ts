import { readdirSync, readFileSync } from 'node:fs';

/** What the front end is made of: one page, and assets by name. */
export interface UiFiles {
  html: string;
  assets: Readonly<Record<string, string>>;
}

const BUILT = new URL('../../dist/dashboard/ui/', import.meta.url);

/**
 * The front end as it was built; undefined where it was not. This is where the package runs from its sources: scripts/build.mjs puts
 * the texts themselves in this module's place, because a bundle has no files beside its code.
 */
export function readUiFiles(): UiFiles | undefined {
  let html: string;
  try {
    html = readFileSync(new URL('index.html', BUILT), 'utf8');
  } catch {
    return undefined;
  }
  const folder = new URL('assets/', BUILT);
  const names = readdirSync(folder).filter((name) => !name.endsWith('.map'));
  return { html, assets: Object.fromEntries(names.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')])) };
}
