/** Lines of an answer of NDJSON, as they come. Whoever leaves the loop ends the answer. */
export async function* linesOf<M = Record<string, unknown>>(response: Response): AsyncGenerator<M> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) yield JSON.parse(line) as M;
  }
}

/** The first lines, and no more. */
export async function firstLines(response: Response, count: number): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  for await (const line of linesOf(response)) {
    lines.push(line);
    if (lines.length >= count) break;
  }
  return lines;
}
