import type { PipeTransform } from '@nestjs/common';
import { validate, type SchemaIssue, type StandardSchemaV1, type Validated } from '../core/standard-schema.js';

/** The payload of `@Payload(schema)` does not match; the invoker knows queue and name and makes the job's error of it. */
export class PayloadMismatch extends Error {
  override readonly name = 'PayloadMismatch';
  constructor(readonly issues: readonly SchemaIssue[]) {
    super('Payload does not match its schema');
  }
}

const payloadLists = new WeakSet<object>();

/** The payloads of a batch: a schema is one of each of them. */
export function listOfPayloads(payloads: unknown[]): unknown[] {
  payloadLists.add(payloads);
  return payloads;
}

function isListOfPayloads(value: unknown): value is unknown[] {
  return Array.isArray(value) && payloadLists.has(value);
}

/** Checks one parameter against a Standard Schema and hands on the schema's output. */
export class PayloadSchemaPipe implements PipeTransform {
  constructor(readonly schema: StandardSchemaV1) {}

  transform(value: unknown): unknown {
    if (isListOfPayloads(value)) return Promise.all(value.map((payload) => this.transform(payload)));
    const checked = validate(this.schema, value);
    return checked instanceof Promise ? checked.then(accept) : accept(checked);
  }
}

function accept(checked: Validated<unknown>): unknown {
  if (!checked.ok) throw new PayloadMismatch(checked.issues);
  return checked.value;
}
