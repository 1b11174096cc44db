import { InvalidPayloadError } from '../core/errors/enqueue-errors.js';
import { ConfigurationError, UnknownOptionError } from '../core/errors/option-errors.js';
import type { CronTick } from '../core/job-view.js';
import type { ScheduleDeclaration } from '../schedules/rule/declaration.js';
import { validate, type StandardSchemaV1 } from '../core/standard-schema.js';
import { nameBoth, describeNamesakes, type DecoratedMethod } from './decorated-method.js';

/** The schedules that the app's code declares: each name once, whatever its queue and scope. */
export class ScheduleList {
  private readonly byName = new Map<string, ScheduleDeclaration>();
  private readonly methods = new Map<string, DecoratedMethod>();

  get all(): readonly ScheduleDeclaration[] {
    return [...this.byName.values()];
  }

  /** @throws ConfigurationError for a second schedule of one name */
  add(declared: ScheduleDeclaration, method: DecoratedMethod): void {
    const { name } = declared;
    const other = this.methods.get(name);
    if (other !== undefined) throw new ConfigurationError(twinMessage(name, other, method));
    this.byName.set(name, declared);
    this.methods.set(name, method);
  }

  /**
   * @param overridden names under `schedules` of `forRoot`
   * @throws UnknownOptionError for one that no code declares
   */
  refuseUnknown(overridden: readonly string[]): void {
    const unknown = overridden.find((name) => !this.byName.has(name));
    if (unknown !== undefined) throw new UnknownOptionError(unknown, 'schedules', this.byName.keys());
  }

  /**
   * Checks each payload as it will be checked before it is handled; what a schema makes of one is what jobs get.
   * @throws InvalidPayloadError
   */
  async checkPayloads(
    schemaOf: (declaration: ScheduleDeclaration, jobName: string) => StandardSchemaV1 | undefined,
  ): Promise<void> {
    for (const declared of this.byName.values()) {
      const { name, queue, payload, job } = declared;
      const jobName = job.name ?? name;
      const schema = schemaOf(declared, jobName);
      if (schema === undefined) continue;
      const tick: CronTick = { schedule: name, scheduledFor: 0, missed: 0 };
      const checked = await validate(schema, payload ?? tick);
      if (!checked.ok) throw new InvalidPayloadError(queue, jobName, checked.issues);
      if (payload !== undefined) declared.payload = checked.value;
    }
  }
}

function twinMessage(name: string, other: DecoratedMethod, method: DecoratedMethod): string {
  if (other.wrapper === method.wrapper && other.method === method.method) {
    return `Two schedules of ${method.label} are named "${name}". Several on one method need names of their own: { name: "…" }.`;
  }
  const [one, another] = nameBoth(other, method);
  return (
    `Two schedules are named "${name}": ${one} and ${another}. ${describeNamesakes(other, method)}` +
    'The name of a schedule is unique in the app: name one of them, { name: "…" }.'
  );
}
