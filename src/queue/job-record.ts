import type { Codec } from '../core/codec.js';
import {
  decodeEnvelope,
  jobNameOf,
  payloadIdOf,
  splitRecord,
  type Envelope,
  type EnvelopeHeader,
  type SettledLine,
} from '../core/envelope.js';
import { DEFAULT_JOB_NAME, type ErrorRecord } from '../core/job.js';

/** Of an end whose detail does not say. */
export const UNKNOWN_REASON = 'unknown';

/** How a dead or cancelled job ended. */
export interface EndDetail {
  reason: string;
  /** Name of the error, where one was thrown. */
  name: string | undefined;
  message: string | undefined;
  /** How many failed runs the job was allowed, where it died in one. */
  maxAttempts: number | undefined;
}

const NO_HEADER: EnvelopeHeader = Object.freeze({});

/**
 * A stored text, decoded piece by piece as somebody asks. It may come from any program or version: what cannot be read
 * reads as nothing, never as a throw, so that one bad record does not hide the others of a listing.
 */
export class JobRecord {
  readonly settled: SettledLine | undefined;
  private readonly envelope: Envelope | undefined;
  private decoded: { value: unknown } | undefined;
  private payloadBroken = false;

  constructor(
    private readonly queue: string,
    private readonly codec: Codec,
    /** The number the store gave the job. */
    private readonly number: string,
    text: string,
  ) {
    try {
      const split = splitRecord(text);
      this.settled = split.settled;
      this.envelope = decodeEnvelope(split.envelope);
    } catch {
      // unreadable: every field below says so
    }
  }

  get header(): EnvelopeHeader {
    return this.envelope?.header ?? NO_HEADER;
  }

  get userId(): string | undefined {
    return this.envelope?.userId;
  }

  get enqueuedAt(): number {
    return this.envelope?.enqueuedAt ?? 0;
  }

  get name(): string {
    return this.envelope === undefined ? DEFAULT_JOB_NAME : jobNameOf(this.envelope);
  }

  get payload(): unknown {
    if (this.decoded === undefined) {
      this.decoded = { value: undefined };
      try {
        if (this.envelope !== undefined) this.decoded.value = this.decode(this.envelope.payload, 'payload');
      } catch {
        this.payloadBroken = true;
      }
    }
    return this.decoded.value;
  }

  get unreadable(): boolean {
    if (this.envelope === undefined) return true;
    void this.payload;
    return this.payloadBroken;
  }

  get errors(): readonly ErrorRecord[] {
    const errors: unknown = this.header.e;
    return Array.isArray(errors) ? (errors as ErrorRecord[]) : [];
  }

  /** @throws whatever the codec throws */
  decode(text: string, field: 'payload' | 'result' | 'progress'): unknown {
    const jobId = field === 'payload' ? payloadIdOf(this) : (this.userId ?? this.number);
    return this.codec.decode(text, { queue: this.queue, jobName: this.name, jobId, field });
  }
}

/** Reads the JSON detail of a dead or cancelled end; a text that is none becomes the message. */
export function readEndDetail(detail: string): EndDetail {
  let parsed: unknown;
  try {
    parsed = JSON.parse(detail);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== 'object' || parsed === null)
    return { reason: UNKNOWN_REASON, name: undefined, message: detail || undefined, maxAttempts: undefined };
  const { reason, name, message, maxAttempts } = parsed as Record<string, unknown>;
  return {
    reason: typeof reason === 'string' ? reason : UNKNOWN_REASON,
    name: typeof name === 'string' ? name : undefined,
    message: typeof message === 'string' ? message : undefined,
    maxAttempts: typeof maxAttempts === 'number' ? maxAttempts : undefined,
  };
}

/** An error that any program or version may have stored. */
export function maskError(error: ErrorRecord, mask: (text: unknown) => string): ErrorRecord {
  const masked = { ...error, message: mask(error.message) };
  if (error.stack !== undefined) masked.stack = mask(error.stack);
  return masked;
}
