import { afterEach, describe, expect, it } from '@jest/globals';
import { QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

interface Mail {
  customer: { id: number; card: string };
  text: string;
}

describe.each(STORES)('on $name', (store) => {
  it('finds the dead letters of a customer, says which customers have any, and tells nothing that is redacted', async () => {
    const handler = handlerOf<Mail>('mails', ({ payload }: Job<Mail>) => {
      if (payload.text.includes('bounce')) throw new UnrecoverableError(`no mailbox for card ${payload.customer.card}`);
      return 'sent';
    });
    const { app } = await startApp({ providers: [handler] }, { ...store.options(), redact: ['*.card'] });
    const queues = app.get(QueueService);
    const mails = Array.from({ length: 30 }, (_, index) => ({
      payload: { customer: { id: index % 3, card: `4929-${index}` }, text: index % 5 === 0 ? 'will bounce' : 'hello' },
      id: `mail-${index}`,
    }));
    const jobs = await queues.enqueueMany('mails', mails);
    await Promise.allSettled(jobs.map((job) => job.result()));

    const ids: string[] = [];
    for await (const job of queues.find<Mail>('mails', 'state:dead payload.customer.id:0 error:"no mailbox"')) {
      ids.push(job.id);
      expect(job.payload.text).toBe('will bounce');
    }
    expect(ids.sort()).toEqual(['mail-0', 'mail-15']);
    const { values } = await queues.facets('mails', 'state:dead', 'payload.customer.id');
    expect(values).toEqual(['0', '1', '2'].map((value) => ({ value, count: 2 })));
    for await (const job of queues.find('mails', '4929')) throw new Error(`${job.id} was found by what is hidden`);
    expect(() => queues.find('mails', 'payload.customer.card:4929*')).toThrow(
      expect.objectContaining({ code: 'TASK_QUEUE_REDACTED_FIELD' }),
    );
  });
});
