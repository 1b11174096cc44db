import { InvalidPayloadError } from '../../core/errors/enqueue-errors.js';
import type { Duration } from '../../core/duration.js';
import { DEFAULT_JOB_NAME } from '../../core/job.js';
import { validate } from '../../core/standard-schema.js';
import { definitionOf } from '../../queue/job-definition.js';
import type { Fields } from '../fields.js';
import { refuseMarks } from '../views/redaction-marks.js';
import type { Actions } from '../wire.js';
import type { Call, Deed } from './route.js';

const HIGHEST_PRIORITY = 9;

/**
 * As code of the app would: by the definition of that name, with its schema and options, else checked by what the handler says.
 * @throws InvalidPayloadError, and as `QueueService.enqueue`
 */
export async function enqueueJob({ context, queue, fields }: Call): Promise<Deed<Actions['job.enqueue']['answer']>> {
  const name = fields.optionalText('name') ?? DEFAULT_JOB_NAME;
  const payload = fields.value('payload');
  refuseMarks(payload, context.engine.redactor);
  const definition = definitionOf(queue, name);
  const options = optionsOf(fields);
  const job =
    definition === undefined
      ? await context.queues.enqueue(queue, await check(context, queue, name, payload), { ...options, name })
      : await context.queues.enqueue(definition, payload, options);
  return { answer: { id: job.id, number: job.number, created: job.created }, count: job.created ? 1 : 0 };
}

async function check({ registry }: Call['context'], queue: string, name: string, payload: unknown): Promise<unknown> {
  const schema = registry.schemaOf(queue, name);
  if (schema === undefined) return payload;
  const checked = await validate(schema, payload);
  if (!checked.ok) throw new InvalidPayloadError(queue, name, checked.issues);
  return checked.value;
}

function optionsOf(fields: Fields): { id?: string; delay?: Duration; priority?: number } {
  const id = fields.optionalText('id');
  const delay = fields.optionalText('delay') as Duration | undefined;
  const priority = fields.count('priority', 0, HIGHEST_PRIORITY);
  return {
    ...(id !== undefined && { id }),
    ...(delay !== undefined && { delay }),
    ...(priority !== undefined && { priority }),
  };
}
