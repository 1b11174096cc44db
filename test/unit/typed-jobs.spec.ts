import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineJob, Queue, type EnqueueOptions, type JobHandle, type QueueService } from 'nestjs-task-queue';

/** `npm run types` is what checks these: the body never runs. */
async function compileOnly(queues: QueueService, mail: Queue<{ to: string }, { messageId: string }>): Promise<void> {
  // Where nobody said a type: the shortest form works.
  const job = await queues.enqueue('mail', { to: 'a@b.c' }, { delay: '10m' });
  const { messageId } = await job.result({ timeout: '30s' });
  String(messageId);
  // @ts-expect-error unknown until somebody says it
  messageId.toUpperCase();
  (await job.result<string>()).toUpperCase();
  (await queues.enqueue<{ to: string }, { messageId: string }>('mail', { to: 'a' })).payload.to.toUpperCase();
  // @ts-expect-error no such option
  await queues.enqueue('mail', 1, { dealy: 5 });

  const welcome = defineJob<{ to: string }, { messageId: string }>({ queue: 'mail', name: 'welcome' });
  (await (await queues.enqueue(welcome, { to: 'a' })).result()).messageId.toUpperCase();
  (await queues.enqueueMany(welcome, [{ payload: { to: 'a' }, priority: 3 }]))[0].payload.to.toUpperCase();
  (await queues.getJob(welcome, 'x'))?.payload.to.toUpperCase();
  (await queues.jobs(welcome, { state: 'dead' })).jobs[0].payload.to.toUpperCase();
  const [chunk] = await queues.enqueueMany(welcome, [], { chunk: true });
  if (chunk.outcome === 'stored') chunk.jobs[0].payload.to.toUpperCase();
  // @ts-expect-error not the payload of this job
  await queues.enqueue(welcome, { too: 'a' });
  // @ts-expect-error not the payload of this job
  await queues.enqueueMany(welcome, [{ payload: { to: 1 } }]);
  // @ts-expect-error the definition brings the name
  await queues.enqueue(welcome, { to: 'a' }, { name: 'other' });
  // @ts-expect-error a definition needs a name
  defineJob({ queue: 'mail' });

  const schema = z.object({ to: z.string(), copies: z.coerce.number().default(1) });
  const send = defineJob({ queue: 'mail', name: 'send', schema });
  const sent: JobHandle<{ to: string; copies: number }> = await queues.enqueue(send, { to: 'a' });
  sent.payload.copies.toFixed();
  // @ts-expect-error the schema's input has `to`
  await queues.enqueue(send, { copies: 1 });
  const answered = defineJob<{ to: string; copies: number }, number, unknown>({ queue: 'mail', name: 'send', schema: z.object({ to: z.string(), copies: z.number() }) }); // prettier-ignore
  (await (await queues.enqueue(answered, {})).result()).toFixed();

  (await (await mail.enqueue({ to: 'a' })).result()).messageId.toUpperCase();
  // @ts-expect-error not the payload of this queue
  await mail.enqueue({ too: 'a' });
  const options: EnqueueOptions = { id: 'x', runAt: new Date(), backoff: 0, retention: { dead: false } };
  await mail.enqueueMany([{ payload: { to: 'a' }, ...options }]);

  queues.events(welcome).subscribe((told) => {
    if (told.event === 'completed') String(told.result);
    if (told.event === 'dead') told.reason.toUpperCase();
    // @ts-expect-error events of the queue itself have no job
    if (told.event === 'paused') String(told.id);
  });
}

describe('types of jobs', () => {
  it('are checked by the compiler', () => {
    expect(compileOnly).toBeInstanceOf(Function);
  });
});
