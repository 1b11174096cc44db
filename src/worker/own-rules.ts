import type { EnvelopeHeader } from '../core/envelope.js';
import { DEFAULT_JOB_NAME, type RetentionRules, type SettledState } from '../core/job.js';
import { isOwn, type OwnRule } from '../core/own-retention.js';
import type { HandlerTable } from './handler-plan.js';

/** Which jobs of a queue keep fewer records of their own kind than the queue does. */
export class OwnRules {
  constructor(
    private readonly handlers: HandlerTable,
    private readonly retention: RetentionRules,
  ) {}

  /** What the job itself says goes for its schedule or name; what its handler says, for all that the handler takes. */
  of(state: SettledState, header: EnvelopeHeader): OwnRule | undefined {
    const name = header.n ?? DEFAULT_JOB_NAME;
    const asked = header.r?.[state];
    if (asked !== undefined) {
      if (!isOwn(asked, this.retention[state])) return undefined;
      return { scope: header.c === undefined ? `name ${name}` : `schedule ${header.c.name}`, rule: asked };
    }
    const plan = this.handlers.find(name);
    const rule = plan?.settings.retention[state];
    if (plan === undefined || rule === undefined || !isOwn(rule, this.retention[state])) return undefined;
    return { scope: plan.handler.name === undefined ? 'others' : `name ${plan.handler.name}`, rule };
  }
}
