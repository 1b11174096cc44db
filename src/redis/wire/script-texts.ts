import { scriptTexts as readTexts } from '../scripts/complete.mjs';

let texts: Readonly<Record<string, string>> | undefined;

/**
 * @returns the complete text of every script by its name. This is where the package runs from its sources: scripts/build.mjs puts the
 *   texts themselves in this module's place, because a bundle, or Jest in CommonJS, has no files beside its code.
 */
export function scriptTexts(): Readonly<Record<string, string>> {
  texts ??= readTexts();
  return texts;
}
