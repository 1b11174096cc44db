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
  /** Undefined where the reader does not know it: an event tells the number of a job alone. */
  jobName: string | undefined;
  /**
   * Of a payload: the id its producer gave, `''` without one, because the store numbers a job after its payload was
   * encoded (jobs of schedules have none, either: their payload is encoded once). Of results and progress: the id of the
   * job. Undefined where the reader does not know it.
   */
  jobId: string | undefined;
  field: 'payload' | 'result' | 'progress';
}

/** JSON, which stores what it can carry and refuses the rest. */
export const jsonCodec: Codec = {
  encode: (value) => JSON.stringify(value),
  decode: (text) => JSON.parse(text),
};
