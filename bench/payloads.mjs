import { nowUs } from './gauges.mjs';

const PATTERN = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** What the number, the time and the punctuation take beside the filler. */
const FRAME = 41;

/** Makes payloads of about this many bytes of JSON, each with its number and the moment it was made. */
export function payloadMaker(bytes) {
  const length = bytes - FRAME;
  const s = PATTERN.repeat(Math.ceil(length / PATTERN.length)).slice(0, length);
  return (i, more) => ({ i, t: nowUs(), s, ...more });
}
