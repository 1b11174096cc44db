import { TaskQueueError } from './task-queue-error.js';

/** A text names a key that this process does not have: it was encrypted after a rotation, or its key was removed. */
export class UnknownKeyError extends TaskQueueError {
  override readonly name = 'UnknownKeyError';
  readonly code = 'TASK_QUEUE_UNKNOWN_KEY';
  constructor(
    readonly keyId: string,
    readonly known: readonly string[],
  ) {
    super(
      `No key "${keyId}" is configured (known: ${known.join(', ')}). Add it to the keys of encryptedCodec; ` +
        'when you rotate, give the new key to every process before one of them encrypts with it.',
    );
  }
}

/** A stored text does not decrypt at its place: it was changed, moved from another job, or is not encrypted. */
export class DecryptionError extends TaskQueueError {
  override readonly name = 'DecryptionError';
  readonly code = 'TASK_QUEUE_DECRYPTION';
  readonly queue: string;
  readonly field: string;
  constructor({ queue, field }: { queue: string; field: string }, why: string, options?: ErrorOptions) {
    super(`A ${field} of queue "${queue}" cannot be decrypted: ${why}.`, options);
    this.queue = queue;
    this.field = field;
  }
}
