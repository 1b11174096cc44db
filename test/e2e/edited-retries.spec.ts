import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import {
  defineJob,
  encryptedCodec,
  Processor,
  QueueService,
  type Job,
  type JsonPatchOperation,
  type TaskQueueModuleOptions,
} from 'nestjs-task-queue';
import { z } from 'zod';
import { closeApps, startApp, STORES } from '../support/apps.js';

afterEach(closeApps);

const schema = z.object({
  to: z.string().min(1),
  card: z.object({ number: z.string(), holder: z.string() }),
  note: z.string().optional(),
});
const pay = defineJob({ queue: 'pay', name: 'charge', schema });
type Payment = z.infer<typeof schema>;

const PAYMENT: Payment = { to: 'bad', card: { number: '4111111111111111', holder: 'Ann' } };
const replaceTo = (value: string): JsonPatchOperation => ({ op: 'replace', path: '/to', value });

describe.each(STORES)('a retry with a patch on $name', ({ options }) => {
  async function deadPayment(more: Partial<TaskQueueModuleOptions> = {}, payload: Payment = PAYMENT) {
    const seen: Payment[] = [];
    @Injectable()
    class Payments {
      @Processor(pay, { maxAttempts: 1 })
      charge({ payload: given }: Job<Payment>) {
        seen.push(given);
        if (given.to === 'bad') throw new Error('no such person');
        return given.to;
      }
    }
    const { app } = await startApp({ providers: [Payments] }, { ...options(), ...more });
    const queues = app.get(QueueService);
    const job = await queues.enqueue(pay, payload, { id: 'p1' });
    await expect(job.result()).rejects.toThrow('no such person');
    return { queues, job, seen };
  }

  it('runs with the payload that the patch made', async () => {
    const { queues, seen } = await deadPayment();
    const retried = await queues.retry('pay', 'p1', { patch: [replaceTo('ann')] });
    expect(await retried.result()).toBe('ann');
    expect(seen[1]).toEqual({ ...PAYMENT, to: 'ann' });
    expect(retried.errors).toHaveLength(1);
  });

  it('is made by a handle and by a queue, too, from encrypted text', async () => {
    const key = randomBytes(32).toString('base64');
    const codec = encryptedCodec({ keys: { v1: key }, current: 'v1' });
    const { job, seen } = await deadPayment({ codec });
    expect(await (await job.retry({ patch: [replaceTo('ann')] })).result()).toBe('ann');
    expect(job.raw).not.toContain('Ann');
    expect(seen[1]).toEqual({ ...PAYMENT, to: 'ann' });
  });

  it('makes a short payload long, and a long one short', async () => {
    const { queues, job, seen } = await deadPayment();
    const note = 'é'.repeat(20_000);
    const long = await queues.retry('pay', 'p1', { patch: [{ op: 'add', path: '/note', value: note }] });
    await expect(long.result()).rejects.toThrow('no such person');
    expect(seen[1].note).toBe(note);
    await job.retry({ patch: [{ op: 'replace', path: '/note', value: 'short' }, replaceTo('ann')] });
    await job.result();
    expect(seen[2]).toEqual({ ...PAYMENT, to: 'ann', note: 'short' });
  });

  it('leaves hidden fields as they are, and lets none be overwritten by its mark, or read', async () => {
    const { queues, job, seen } = await deadPayment({ redact: ['card.number'] });
    expect(job.toJSON().payload).toMatchObject({ card: { number: '[redacted]' } });
    const refused: JsonPatchOperation[] = [
      { op: 'replace', path: '/card/number', value: '[redacted]' },
      { op: 'add', path: '/card', value: { number: '[redacted]', holder: 'Bob' } },
      { op: 'replace', path: '', value: { ...PAYMENT, card: { number: '[redacted]', holder: 'Bob' } } },
      { op: 'copy', from: '/card/number', path: '/note' },
      { op: 'move', from: '/card', path: '/note' },
      { op: 'test', path: '/card/number', value: PAYMENT.card.number },
      { op: 'test', path: '/card', value: PAYMENT.card },
    ];
    for (const operation of refused) {
      await expect(queues.retry('pay', 'p1', { patch: [replaceTo('ann'), operation] })).rejects.toMatchObject({
        code: 'TASK_QUEUE_INVALID_PATCH',
        operation: 1,
        path: 'from' in operation ? operation.from : operation.path,
      });
    }
    expect(await queues.counts('pay')).toMatchObject({ dead: 1 });
    const patch: JsonPatchOperation[] = [
      replaceTo('ann'),
      { op: 'replace', path: '/card/holder', value: 'Bob' },
      { op: 'add', path: '/note', value: '[redacted]' },
      { op: 'copy', from: '/card/holder', path: '/note' },
    ];
    await (await queues.retry('pay', 'p1', { patch })).result();
    expect(seen[1]).toEqual({ to: 'ann', card: { number: PAYMENT.card.number, holder: 'Bob' }, note: 'Bob' });
  });

  it('is checked by the schema of the definition, or of the handler; a refusal changes nothing', async () => {
    const { queues, job, seen } = await deadPayment();
    for (const target of ['pay', pay] as const) {
      await expect(queues.retry(target as string, 'p1', { patch: [replaceTo('')] })).rejects.toMatchObject({
        code: 'TASK_QUEUE_INVALID_PAYLOAD',
        issues: [{ path: 'to', message: expect.any(String) }],
      });
    }
    await expect(queues.retry('pay', 'p1', { patch: [{ op: 'remove', path: '/gone' }] })).rejects.toMatchObject({
      code: 'TASK_QUEUE_INVALID_PATCH',
      path: '/gone',
    });
    await expect(queues.retry('pay', 'p1', { path: [] } as never)).rejects.toMatchObject({ nearest: 'patch' });
    await expect(queues.retry('pay', 'p1', { patch: undefined })).rejects.toThrow('patch');
    await job.refresh();
    expect([job.state, seen.length]).toEqual(['dead', 1]);
  });

  it('is for dead jobs alone', async () => {
    const { job } = await deadPayment();
    await (await job.retry({ patch: [replaceTo('ann')] })).result();
    await expect(job.retry({ patch: [replaceTo('eve')] })).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_STATE' });
  });
});
