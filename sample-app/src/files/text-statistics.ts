export interface TextStatistics {
  lines: number;
  words: number;
  /** The most frequent ones with their counts, most frequent first. */
  identifiers: [name: string, count: number][];
}

const IDENTIFIER = /[A-Za-z_$][\w$]{2,}/g;
const LONGEST_IDENTIFIER = 64;
const KEPT_IDENTIFIERS = 30;

// The words of the language say nothing about a file.
const KEYWORDS = new Set(
  (
    'abstract and any async await boolean break case catch class const constructor continue default delete else enum ' +
    'export extends false finally for from function get if implements import instanceof interface let local module new ' +
    'not null number object of private protected public readonly return set static string super switch the then this ' +
    'throw true try type typeof undefined unknown var void while with yield'
  ).split(' '),
);

export function statisticsOf(text: string): TextStatistics {
  return {
    lines: countLines(text),
    words: countWords(text),
    identifiers: topOf(countIdentifiers(text), KEPT_IDENTIFIERS),
  };
}

export function topOf(counts: ReadonlyMap<string, number>, limit: number): [string, number][] {
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, limit);
}

function countLines(text: string): number {
  if (text === '') return 0;
  let lines = text.endsWith('\n') ? 0 : 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

function countWords(text: string): number {
  let words = 0;
  for (const _ of text.matchAll(/\S+/g)) words++;
  return words;
}

function countIdentifiers(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name] of text.matchAll(IDENTIFIER)) {
    if (name.length > LONGEST_IDENTIFIER || KEYWORDS.has(name)) continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
