/**
 * Turns payloads and results into stored text and back. A text must not hold a raw newline.
 * Encryption and compression sit here, too; `context` binds a text to its place.
 */
export interface Codec {
  encode(value: unknown, context: CodecContext): string;
  decode(text: string, context: CodecContext): unknown;
}

export interface CodecContext {
  queue: string;
  jobName: string;
  field: 'payload' | 'result' | 'progress';
}

/** JSON, which stores what it can carry and refuses the rest. */
export const jsonCodec: Codec = {
  encode: (value) => JSON.stringify(value),
  decode: (text) => JSON.parse(text),
};
