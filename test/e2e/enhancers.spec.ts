import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Body,
  Catch,
  Controller,
  Inject,
  createParamDecorator,
  Injectable,
  ParseIntPipe,
  Query,
  Scope,
  SetMetadata,
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
  type ModuleMetadata,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { IsEmail } from 'class-validator';
import { concat, EMPTY, from, map, of, throwError } from 'rxjs';
import { z } from 'zod';
import {
  currentJob,
  defineJob,
  isTaskContext,
  JobRef,
  Payload,
  Processor,
  QueueService,
  Signal,
  SnoozeError,
  UnrecoverableError,
  type Job,
  type TaskQueueModuleOptions,
} from 'nestjs-task-queue';
import { CLASS_MARKS, ENHANCER_METADATA, INJECTED_PARAMETERS } from '../../src/discovery/nest-metadata.js';
import { bootError, closeApps, startApp, type RunningApp } from '../support/apps.js';

afterEach(closeApps);

const ONE_RUN = { maxAttempts: 1 };

function start(
  providers: ModuleMetadata['providers'],
  options: Partial<TaskQueueModuleOptions> = {},
): Promise<RunningApp> {
  return startApp({ providers }, { connection: 'memory://', defaults: ONE_RUN, ...options });
}

async function run({ app }: RunningApp, payload: unknown = { n: 1 }): Promise<unknown> {
  const job = await app.get(QueueService).enqueue<unknown, unknown>('work', payload);
  return job.result({ timeout: '5s' });
}

/** What the job ended with: `reason: error name: message`. */
async function deathOf(running: RunningApp, payload?: unknown): Promise<string> {
  try {
    await run(running, payload);
  } catch (error) {
    const { reason, lastError } = error as { reason: string; lastError?: { name: string; message: string } };
    return `${reason}: ${lastError?.name}: ${lastError?.message}`;
  }
  throw new Error('The job completed');
}

const trace: string[] = [];
afterEach(() => void trace.splice(0));

@Injectable()
class TraceGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    const mark = this.reflector.get<string>('mark', context.getHandler());
    trace.push(
      `guard ${context.getType<string>()} ${isTaskContext(context)} ${context.getClass().name} ${mark ?? '-'}`,
    );
    return context.getArgByIndex<Job<{ deny?: boolean }>>(0).payload.deny !== true;
  }
}

@Injectable()
class TraceInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    trace.push('interceptor in');
    return next.handle().pipe(
      map((value: unknown) => {
        trace.push('interceptor out');
        return value;
      }),
    );
  }
}

@Injectable()
class TracePipe implements PipeTransform {
  transform(value: unknown): unknown {
    trace.push(`pipe ${JSON.stringify(value)}`);
    return value;
  }
}

it('reads the very keys that Nest writes', () => {
  class Probe {
    method() {}
  }
  const guard = { canActivate: () => true };
  UseGuards(guard)(Probe);
  UseInterceptors(new TraceInterceptor())(Probe);
  UsePipes(new TracePipe())(Probe);
  UseFilters({ catch: () => undefined })(Probe);
  const keys = Object.values(ENHANCER_METADATA);
  expect(keys.map((key) => (Reflect.getMetadata(key, Probe) as unknown[]).length)).toEqual([1, 1, 1, 1]);
  Inject('token')(Probe, undefined, 0);
  Injectable()(Probe);
  expect(Reflect.getMetadata(INJECTED_PARAMETERS, Probe)).toEqual([{ index: 0, param: 'token' }]);
  expect(CLASS_MARKS.map((mark) => Reflect.hasMetadata(mark, Probe))).toEqual([true, false]);
  Controller()(Probe);
  expect(CLASS_MARKS.map((mark) => Reflect.hasMetadata(mark, Probe))).toEqual([true, true]);
});

describe('parameters', () => {
  it('are what their decorators ask for', async () => {
    @Injectable()
    class Work {
      @Processor('work')
      work(@Signal() signal: AbortSignal, @Payload() payload: unknown, @JobRef() job: Job) {
        return { aborted: signal.aborted, payload, queue: job.queue, current: currentJob() === job };
      }
    }
    expect(await run(await start([Work]))).toEqual({ aborted: false, payload: { n: 1 }, queue: 'work', current: true });
  });

  it('are checked by a Standard Schema, and get its output', async () => {
    @Injectable()
    class Work {
      @Processor('work', { maxAttempts: 5 })
      work(@Payload(z.object({ n: z.coerce.number(), more: z.string().default('more') })) payload: unknown) {
        return payload;
      }
    }
    const app = await start([Work]);
    expect(await run(app, { n: '7' })).toEqual({ n: 7, more: 'more' });
    expect(await deathOf(app, { n: 'seven' })).toMatch(
      /^invalid-payload: InvalidPayloadError: Invalid payload for "work\/default": n: /,
    );
  });

  it('pass through their pipes and those of the method', async () => {
    @Injectable()
    class Work {
      @UsePipes(TracePipe)
      @Processor('work')
      work(@Payload(ParseIntPipe) payload: number) {
        return payload + 1;
      }
    }
    expect(await run(await start([Work]), '41')).toBe(42);
    expect(trace).toEqual(['pipe "41"']);
  });

  it('of a class are validated by ValidationPipe', async () => {
    class WelcomeMail {
      @IsEmail()
      to!: string;
    }
    @Injectable()
    class Work {
      @UsePipes(new ValidationPipe({ transform: true }))
      @Processor('work')
      work(@Payload() mail: WelcomeMail, @JobRef() job: Job) {
        return `${mail instanceof WelcomeMail} ${job.name}`;
      }
    }
    const app = await start([Work]);
    expect(await run(app, { to: 'ada@example.org' })).toBe('true default');
    expect(await deathOf(app, { to: 'nobody' })).toBe(
      'exhausted: BadRequestException: Bad Request Exception: to must be an email',
    );
  });

  it('of a definition are checked before anything else runs', async () => {
    const definition = defineJob({ queue: 'work', name: 'sum', schema: z.object({ n: z.number().default(5) }) });
    @Injectable()
    class Work {
      @UseGuards(TraceGuard)
      @Processor(definition)
      work(job: Job<{ n: number }>) {
        return job.payload;
      }
    }
    const { app } = await start([Work]);
    const queues = app.get(QueueService);
    expect(await (await queues.enqueue(definition, {})).result({ timeout: '5s' })).toEqual({ n: 5 });
    const bypassing = await queues.enqueue('work', { n: 'x' }, { name: 'sum', maxAttempts: 5 });
    await expect(bypassing.result({ timeout: '5s' })).rejects.toMatchObject({ reason: 'invalid-payload' });
    expect(trace).toHaveLength(1);
  });

  it('may be decorated by createParamDecorator, and not by those of HTTP', async () => {
    const Attempt = createParamDecorator(
      (_data: unknown, context: ExecutionContext) => context.getArgByIndex<Job>(0).attempt,
    );
    @Injectable()
    class Work {
      @Processor('work')
      work(@Attempt() attempt: number) {
        return attempt;
      }
    }
    expect(await run(await start([Work]))).toBe(1);

    @Injectable()
    class Wrong {
      @Processor('work')
      work(@Body() _payload: unknown, @Query() _query: unknown) {}
    }
    expect((await bootError({ providers: [Wrong] })).message).toMatch(
      /Wrong\.work: parameter 2 asks for a part of an HTTP request/,
    );
  });
});

describe('guards, interceptors and filters', () => {
  it('run around the handler in the order of Nest, in the context "task"', async () => {
    @UseInterceptors(TraceInterceptor)
    @Injectable()
    class Work {
      @SetMetadata('mark', 'marked')
      @UseGuards(TraceGuard)
      @UsePipes(TracePipe)
      @Processor('work')
      work(@Payload() payload: unknown) {
        trace.push('handler');
        return payload;
      }
    }
    const app = await start([Work]);
    expect(await run(app, { n: 2 })).toEqual({ n: 2 });
    expect(trace).toEqual([
      'guard task true Work marked',
      'interceptor in',
      'pipe {"n":2}',
      'handler',
      'interceptor out',
    ]);
    expect(await deathOf(app, { deny: true })).toMatch(/^exhausted: ForbiddenException/);
  });

  it('make results and failures of what filters say', async () => {
    class Handled extends Error {}
    @Catch(Handled)
    class Filter implements ExceptionFilter {
      catch(error: Handled, host: ArgumentsHost): unknown {
        const job = host.getArgByIndex<Job>(0);
        switch (error.message) {
          case 'value':
            return { filtered: job.queue, type: host.getType<string>() };
          case 'promise':
            return Promise.resolve('promised');
          case 'observable':
            return of('first', 'last');
          case 'async-undefined':
            return Promise.resolve();
          case 'rethrown':
            return throwError(() => new UnrecoverableError('by the filter'));
          default:
            return undefined;
        }
      }
    }
    @Injectable()
    class Work {
      @UseFilters(Filter)
      @Processor('work')
      work(job: Job<string>) {
        if (job.payload === 'other') throw new TypeError('other');
        throw new Handled(job.payload);
      }
    }
    const app = await start([Work]);
    expect(await run(app, 'value')).toEqual({ filtered: 'work', type: 'task' });
    expect(await run(app, 'promise')).toBe('promised');
    expect(await run(app, 'observable')).toBe('last');
    expect(await deathOf(app, 'undefined')).toBe('exhausted: Error: undefined');
    expect(await deathOf(app, 'async-undefined')).toBe('exhausted: Error: async-undefined');
    expect(await deathOf(app, 'other')).toBe('exhausted: TypeError: other');
    expect(await deathOf(app, 'rethrown')).toBe('unrecoverable: UnrecoverableError: by the filter');
    expect(app.logs.matching(/ExceptionsHandler/)).toEqual([]);
  });

  it('never see the decisions of a handler as failures', async () => {
    const seen: string[] = [];
    @Catch()
    class CatchAll implements ExceptionFilter {
      catch(error: Error) {
        seen.push(error.name);
        return 'swallowed';
      }
    }
    @Injectable()
    class Work {
      private snoozed = false;
      @UseFilters(CatchAll)
      @Processor('work')
      work(job: Job<string>) {
        if (job.payload === 'bury') throw new UnrecoverableError('enough');
        if (job.payload === 'snooze' && !this.snoozed) {
          this.snoozed = true;
          throw new SnoozeError(0);
        }
        if (job.payload === 'fail') throw new Error('failure');
        return `attempt ${job.attempt}`;
      }
    }
    const app = await start([Work]);
    expect(await deathOf(app, 'bury')).toBe('unrecoverable: UnrecoverableError: enough');
    expect(await run(app, 'snooze')).toBe('attempt 1');
    expect(await run(app, 'fail')).toBe('swallowed');
    expect(seen).toEqual(['Error']);
  });

  it('leave the values of an Observable as progress', async () => {
    @Injectable()
    class Work {
      @UseInterceptors(TraceInterceptor)
      @Processor('work')
      work(job: Job<string>) {
        if (job.payload === 'empty') return EMPTY;
        if (job.payload === 'failing')
          return concat(
            of(1),
            throwError(() => new Error('halfway')),
          );
        return from([10, 50, 'done']);
      }
    }
    const app = await start([Work]);
    const queues = app.app.get(QueueService);
    const job = await queues.enqueue<string, string>('work', 'values');
    expect(await job.result({ timeout: '5s' })).toBe('done');
    expect(trace).toEqual(['interceptor in', 'interceptor out', 'interceptor out', 'interceptor out']);
    expect(await run(app, 'empty')).toBeUndefined();
    expect(await deathOf(app, 'failing')).toBe('exhausted: Error: halfway');
  });

  it('do the same for an Observable without any enhancer', async () => {
    @Injectable()
    class Work {
      @Processor('work')
      work() {
        return from([1, 2, 3]);
      }
    }
    expect(await run(await start([Work]))).toBe(3);
  });

  it('calls the method that the instance has now, so that spies work', async () => {
    @Injectable()
    class Work {
      @Processor('work')
      work(): string {
        return 'original';
      }
    }
    const app = await start([Work]);
    app.app.get(Work).work = () => 'spied';
    expect(await run(app)).toBe('spied');
  });
});

describe('global enhancers', () => {
  const globals = [
    { provide: APP_GUARD, useValue: { canActivate: () => (trace.push('guard'), true) } satisfies CanActivate },
    {
      provide: APP_INTERCEPTOR,
      useValue: { intercept: (_: unknown, next: CallHandler) => (trace.push('interceptor'), next.handle()) },
    },
    { provide: APP_PIPE, useValue: { transform: (value: unknown) => (trace.push('pipe'), value) } },
    { provide: APP_FILTER, useValue: { catch: () => (trace.push('filter'), 'filtered') } },
  ];
  @Injectable()
  class Work {
    @Processor('work')
    work(@Payload() payload: { fail?: boolean }) {
      if (payload.fail) throw new Error('failed');
      return 'done';
    }
  }

  it('stay out unless they are asked for', async () => {
    const app = await start([Work, ...globals]);
    expect(await run(app)).toBe('done');
    expect(await deathOf(app, { fail: true })).toBe('exhausted: Error: failed');
    expect(trace).toEqual([]);
  });

  it('come in by kind', async () => {
    const app = await start([Work, ...globals], { globalEnhancers: ['pipes', 'filters'] });
    expect(await run(app, { fail: true })).toBe('filtered');
    expect(trace).toEqual(['pipe', 'filter']);
    trace.splice(0);
    const other = await start([Work, ...globals], { globalEnhancers: ['guards', 'interceptors'] });
    expect(await run(other)).toBe('done');
    expect(trace).toEqual(['guard', 'interceptor']);
  });

  it('are named once at boot when a global ValidationPipe is left out', async () => {
    const options = { connection: 'memory://' };
    const withPipe = await startApp({ providers: [Work] }, options, (app) => app.useGlobalPipes(new ValidationPipe()));
    expect(withPipe.logs.matching(/globalEnhancers: \['pipes'\]/)).toHaveLength(1);
    const asked = await startApp({ providers: [Work] }, { ...options, globalEnhancers: ['pipes'] }, (app) =>
      app.useGlobalPipes(new ValidationPipe()),
    );
    expect(asked.logs.matching(/globalEnhancers/)).toEqual([]);
    const without = await start([Work]);
    expect(without.logs.matching(/globalEnhancers/)).toEqual([]);
  });

  it('that are request-scoped cannot be asked for', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped implements CanActivate {
      canActivate = () => true;
    }
    const error = await bootError(
      { providers: [Work, { provide: APP_GUARD, useClass: Scoped }] },
      { connection: 'memory://', globalEnhancers: ['guards'] },
    );
    expect(error.message).toContain('globalEnhancers includes "guards"');
  });
});

describe('the app does not start where Nest would skip in silence', () => {
  it('a guard class on a handler of a controller', async () => {
    @Controller()
    class Work {
      @UseGuards(TraceGuard)
      @Processor('work')
      work() {}
    }
    const error = await bootError({ controllers: [Work] });
    expect(error).toMatchObject({ code: 'TASK_QUEUE_CONFIGURATION' });
    expect(error.message).toContain('Work.work: Nest would skip TraceGuard (guards)');
    expect(error.message).toContain('is a controller. Move the handler to a provider');
  });

  it.each([
    ['factory', (work: object) => ({ provide: 'WORK', useFactory: () => work })],
    ['value', (work: object) => ({ provide: 'WORK', useValue: work })],
  ])('an interceptor class on what a %s provides', async (_kind, provide) => {
    @UseInterceptors(TraceInterceptor)
    class Work {
      @Processor('work')
      work() {}
    }
    const error = await bootError({ providers: [provide(new Work())] });
    expect(error.message).toContain('Work.work: Nest would skip TraceInterceptor (interceptors)');
    expect(error.message).toContain('"WORK" of');
  });

  it('a pipe class of a parameter on what a factory provides', async () => {
    class Work {
      @Processor('work')
      work(@Payload(ParseIntPipe) _n: number) {}
    }
    const error = await bootError({ providers: [{ provide: Work, useFactory: () => new Work() }] });
    expect(error.message).toContain('skip ParseIntPipe (pipes)');
  });

  it('pipes around a handler that takes the whole job', async () => {
    @Injectable()
    class Work {
      @UsePipes(TracePipe)
      @Processor('work')
      work(_job: Job) {}
    }
    expect((await bootError({ providers: [Work] })).message).toContain('work(@Payload() payload');
  });

  it('but takes instances there', async () => {
    class Work {
      @UseGuards(new TraceGuard(new Reflector()))
      @Processor('work')
      work() {
        return 'guarded';
      }
    }
    expect(await run(await start([{ provide: 'WORK', useValue: new Work() }]))).toBe('guarded');
    expect(trace).toHaveLength(1);
  });

  it('and classes on a class provider under another token', async () => {
    @Injectable()
    class Work {
      @UseGuards(TraceGuard)
      @Processor('work')
      work() {
        return 'guarded';
      }
    }
    // Nest before 12 does not look there: then the app must not start.
    const booted = await start([{ provide: 'WORK', useClass: Work }]).catch((error: Error) => error);
    if (booted instanceof Error) expect(booted.message).toContain('skip TraceGuard');
    else expect([await run(booted), trace.length]).toEqual(['guarded', 1]);
  });
});
