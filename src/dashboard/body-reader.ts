import type { IncomingMessage } from 'node:http';
import { DashboardError } from './dashboard-error.js';

/** As much as the largest payload that a store takes well, escaped as JSON in JSON. */
const MOST_BYTES = 2 * 1024 * 1024;

/**
 * Reads a body of JSON, at most 2 MiB. An app without a parser (`bodyParser: false`) leaves it to us; one with a parser has read it.
 * @param parsed what the app's parser made of it
 * @throws DashboardError
 */
export async function readBody(request: IncomingMessage, parsed: () => unknown): Promise<unknown> {
  if (!request.readableDidRead && !request.readableEnded) return parse(await readText(request));
  const given = parsed();
  // Parsers of raw bodies and of texts leave JSON to others.
  return typeof given === 'string' || Buffer.isBuffer(given) ? parse(given.toString('utf8')) : given;
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) {
      throw new DashboardError(413, 'DASHBOARD_TOO_LARGE', `The body of a request may have ${MOST_BYTES} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DashboardError(400, 'DASHBOARD_BAD_REQUEST', 'The body of the request is not JSON.');
  }
}
