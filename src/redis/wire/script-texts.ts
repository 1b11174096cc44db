import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Only where this package runs from its sources: scripts/build.mjs puts a module in this one's place that holds the texts,
// because a bundle, or Jest in CommonJS, has no files beside its code.

/**
 * @returns the text of every script by its name. A part stands in place of the first line that includes it: it includes what it
 *   needs itself, and stands in a script once.
 */
export function scriptTexts(): Readonly<Record<string, string>> {
  const folder = fileURLToPath(new URL('../scripts/', import.meta.url));
  const textOf = (file: string, included: Set<string>): string =>
    readFileSync(folder + file, 'utf8').replace(/^ *-- include (\S+)\n/gm, (_, name: string) => {
      if (included.has(name)) return '';
      included.add(name);
      return textOf(`${name}.lua`, included);
    });
  const files = readdirSync(folder).filter((file) => file.endsWith('.lua'));
  return Object.fromEntries(files.map((file) => [file.slice(0, -'.lua'.length), textOf(file, new Set())]));
}
