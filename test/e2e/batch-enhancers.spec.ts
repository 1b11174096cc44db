import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Catch,
  createParamDecorator,
  Inject,
  Injectable,
  ParseArrayPipe,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { IsEmail } from 'class-validator';
import { map, of } from 'rxjs';
import { z } from 'zod';
import {
  defineJob,
  isTaskContext,
  JobRef,
  Payload,
  Processor,
  QueueService,
  Signal,
  type BatchJob,
  type Job,
  type JobDefinition,
} from 'nestjs-task-queue';
import { bootError, closeApps, startApp } from '../support/apps.js';

afterEach(closeApps);

const BATCH = { batch: { size: 10, wait: '20ms' }, maxAttempts: 1 };

/** How jobs with these payloads end, in one call: their results, or reason and error of their death. */
async function endsOf(
  providers: Type[],
  payloads: readonly unknown[],
  target: string | JobDefinition = 'work',
): Promise<unknown[]> {
  const { app } = await startApp({ providers });
  const queues = app.get(QueueService);
  const jobs = payloads.map((payload) => ({ payload }));
  const handles =
    typeof target === 'string'
      ? await queues.enqueueMany(target, jobs)
      : await queues.enqueueMany(target, jobs as never);
  const ends = await Promise.allSettled(handles.map((handle) => handle.result({ timeout: '5s' })));
  return ends.map((end) => {
    if (end.status === 'fulfilled') return end.value;
    const { reason, lastError } = end.reason as { reason: string; lastError?: { name: string; message: string } };
    return `${reason}: ${lastError?.name}`;
  });
}

const trace: string[] = [];
afterEach(() => void trace.splice(0));

@Injectable()
class TraceGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const jobs = context.getArgByIndex<Job<number>[]>(0);
    trace.push(
      `guard ${isTaskContext(context)} ${context.getArgs().length} ${jobs.map(({ payload }) => payload).join()}`,
    );
    return jobs.every(({ payload }) => payload !== 13);
  }
}

@Injectable()
class TraceInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    trace.push('in');
    return next.handle().pipe(map((values: unknown) => (values as unknown[]).map((value) => ({ value }))));
  }
}

@Injectable()
class TracePipe implements PipeTransform {
  transform(value: unknown): unknown {
    trace.push(`pipe ${JSON.stringify(value)}`);
    return value;
  }
}

class RescueError extends Error {}

@Catch(RescueError)
class RescueFilter implements ExceptionFilter {
  catch(_error: unknown, host: ArgumentsHost) {
    const jobs = host.getArgByIndex<Job[]>(0);
    trace.push(`filter ${jobs.length}`);
    return jobs.map(({ payload }) => `rescued ${String(payload)}`);
  }
}

@Injectable()
class Enhanced {
  @UseGuards(TraceGuard)
  @UseInterceptors(TraceInterceptor)
  @UsePipes(TracePipe)
  @UseFilters(RescueFilter)
  @Processor('work', BATCH)
  run(@Payload() payloads: number[], @JobRef() jobs: BatchJob<number>[]) {
    if (payloads[0] === 99) throw new RescueError();
    jobs.find(({ payload }) => payload === 2)?.fail(new Error('two'));
    return payloads.map((payload) => payload * 10);
  }
}

describe('around a batch handler', () => {
  it('guards, interceptors and pipes run once for the call, and see arrays', async () => {
    expect(await endsOf([Enhanced], [1, 2, 3])).toEqual([{ value: 10 }, 'exhausted: Error', { value: 30 }]);
    expect(trace.slice(0, 2)).toEqual(['guard true 1 1,2,3', 'in']);
    // As around any handler, a pipe runs for each parameter; @JobRef() is the first here.
    expect(trace.slice(2)).toEqual([expect.stringContaining('"queue":"work"'), 'pipe [1,2,3]']);
  });

  it('a guard that says no fails all jobs of the call', async () => {
    expect(await endsOf([Enhanced], [1, 13])).toEqual([
      'exhausted: ForbiddenException',
      'exhausted: ForbiddenException',
    ]);
  });

  it('a filter that returns an array gives the results', async () => {
    expect(await endsOf([Enhanced], [99, 1])).toEqual(['rescued 99', 'rescued 1']);
    expect(trace.at(-1)).toBe('filter 2');
  });

  it('an Observable of the handler is refused, and interceptors do not hide it', async () => {
    @Injectable()
    class Work {
      @UseInterceptors(TraceInterceptor)
      @Processor('work', { ...BATCH, maxAttempts: 5 })
      run() {
        return of([1], [2]);
      }
    }
    expect(await endsOf([Work], [1])).toEqual(['result: TypeError']);
  });

  it('parameters are arrays, by position', async () => {
    const Tenant = createParamDecorator((_data: unknown, context: ExecutionContext) =>
      context.getArgByIndex<Job[]>(0).map(({ queue }) => queue),
    );
    @Injectable()
    class Work {
      @Processor('work', BATCH)
      run(
        @Signal() signals: AbortSignal[],
        @Payload() payloads: number[],
        @JobRef() jobs: Job[],
        @Tenant() tenants: string[],
      ) {
        return jobs.map((job, at) => [job.payload === payloads[at], signals[at] === job.signal, tenants[at]]);
      }
    }
    expect(await endsOf([Work], [1, 2])).toEqual([
      [true, true, 'work'],
      [true, true, 'work'],
    ]);
  });
});

describe('schemas of a batch handler', () => {
  const schema = z.object({ n: z.coerce.number().positive() });
  const BAD = 'invalid-payload: InvalidPayloadError';

  it('of its definition check each payload, and those that do not match are dead before the call', async () => {
    const sum = defineJob<{ n: number }>({ queue: 'work', name: 'sum', schema: schema as never });
    const lengths: number[] = [];
    @Injectable()
    class Work {
      @Processor(sum, BATCH)
      run(jobs: Job<{ n: number }>[]) {
        lengths.push(jobs.length);
        return jobs.map(({ payload }) => payload.n);
      }
    }
    // Producers of the definition are refused a bad payload; others are not.
    const { app } = await startApp({ providers: [Work] });
    const queues = app.get(QueueService);
    const jobs = await queues.enqueueMany(
      'work',
      [{ n: '1' }, { n: -1 }, { n: 3 }].map((payload) => ({ payload, name: 'sum' })),
    );
    expect(await jobs[0].result()).toBe(1);
    await expect(jobs[1].result()).rejects.toMatchObject({ reason: 'invalid-payload' });
    expect(await jobs[2].result()).toBe(3);
    expect(lengths).toEqual([2]);
  });

  it('of @Payload() check each payload, also asynchronously, and give the parameter their outputs', async () => {
    const slow = schema.refine(async ({ n }) => n !== 7);
    @Injectable()
    class Work {
      @Processor('work', BATCH)
      run(@Payload(slow) payloads: { n: number }[], @JobRef() jobs: Job[]) {
        return payloads.map(({ n }) => `${typeof n} ${n} of ${jobs.length}`);
      }
    }
    expect(await endsOf([Work], [{ n: '1' }, { n: 7 }, { n: 'x' }, { n: 4 }])).toEqual([
      ...['number 1 of 2', BAD, BAD, 'number 4 of 2'],
    ]);
  });

  it('call no handler where no payload matches', async () => {
    let calls = 0;
    @Injectable()
    class Work {
      @Processor('work', BATCH)
      run(@Payload(schema) _payloads: unknown[]) {
        calls++;
      }
    }
    expect(await endsOf([Work], [1, 2])).toEqual([BAD, BAD]);
    expect(calls).toBe(0);
  });

  it('behind other pipes fail the call, and kill no job of it at once', async () => {
    @Injectable()
    class Work {
      @UsePipes(TracePipe)
      @Processor('work', { ...BATCH, maxAttempts: 2, backoff: 0 })
      run(@Payload(schema) payloads: { n: number }[]) {
        return payloads.map(({ n }) => n);
      }
    }
    expect(await endsOf([Work], [{ n: 1 }, { n: -1 }])).toEqual([
      'exhausted: InvalidPayloadError',
      'exhausted: InvalidPayloadError',
    ]);
  });
});

describe('ValidationPipe around a batch handler', () => {
  class Mail {
    @IsEmail()
    to!: string;
  }

  it('is refused, because it would let every array pass', async () => {
    @Injectable()
    class Work {
      @Processor('work', BATCH)
      run(@Payload(new ValidationPipe()) _mails: Mail[]) {}
    }
    expect((await bootError({ providers: [Work] })).message).toMatch(
      /^Work\.run takes batches, and ValidationPipe would let the array of their payloads pass\. .*ParseArrayPipe/,
    );
  });

  it('has ParseArrayPipe in its place', async () => {
    @Injectable()
    class Work {
      @Processor('work', BATCH)
      run(@Payload(new ParseArrayPipe({ items: Mail })) mails: Mail[]) {
        return mails.map((mail) => mail instanceof Mail);
      }
    }
    expect(await endsOf([Work], [{ to: 'a@example.org' }, { to: 'b@example.org' }])).toEqual([true, true]);
    expect(await endsOf([Work], [{ to: 'a@example.org' }, { to: 'no' }])).toEqual([
      'exhausted: BadRequestException',
      'exhausted: BadRequestException',
    ]);
  });
});

it('a request-scoped batch handler has one context for each call, with the array of jobs as REQUEST', async () => {
  let made = 0;
  @Injectable({ scope: Scope.REQUEST })
  class Context {
    constructor(@Inject(REQUEST) readonly jobs: Job[]) {
      made++;
    }
  }
  @Injectable()
  class Guard implements CanActivate {
    constructor(private readonly context: Context) {}
    canActivate(context: ExecutionContext) {
      return context.getArgByIndex<Job[]>(0) === this.context.jobs;
    }
  }
  @Injectable()
  class Work {
    constructor(private readonly context: Context) {}
    @UseGuards(Guard)
    @Processor('work', BATCH)
    run(jobs: Job[]) {
      return jobs.map((job, at) => this.context.jobs[at] === job && made);
    }
  }
  expect(await endsOf([Context, Guard, Work], [1, 2, 3])).toEqual([1, 1, 1]);
});

it('a request-scoped batch handler without anything around it is called with the array', async () => {
  @Injectable({ scope: Scope.REQUEST })
  class Work {
    constructor(@Inject(REQUEST) private readonly jobs: Job[]) {}
    @Processor('work', BATCH)
    run(jobs: Job[]) {
      return jobs.map(() => this.jobs === jobs);
    }
  }
  expect(await endsOf([Work], [1, 2])).toEqual([true, true]);
});
