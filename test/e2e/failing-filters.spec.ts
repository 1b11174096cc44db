import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Catch,
  Injectable,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { catchError, map, throwError } from 'rxjs';
import { JobDeadError, Processor, QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, STORES, type Store } from '../support/apps.js';

afterEach(closeApps);

class OwnError extends Error {
  override readonly name = 'OwnError';
}

let thrown: unknown;
@Injectable()
class Work {
  @Processor('work')
  run(_job: Job): void {
    throw thrown;
  }
}

/** What is kept of a job that threw `error` with these around it, and what was logged. */
async function kept(own: unknown, around: Provider[], store: Store = STORES[0]) {
  thrown = own;
  const { app, logs } = await startApp(
    { providers: [Work, ...around] },
    { ...store.options(), defaults: { maxAttempts: 1 }, globalEnhancers: ['filters', 'interceptors'] },
  );
  const job = await app.get(QueueService).enqueue('work', {});
  let dead = new Error('It completed');
  try {
    await job.result({ timeout: '5s' });
  } catch (reason) {
    dead = reason as JobDeadError;
  }
  return { dead, logs };
}

@Catch()
class HttpCatchAll implements ExceptionFilter {
  catch(_error: unknown, host: ArgumentsHost) {
    host.switchToHttp().getResponse<{ status(code: number): unknown }>().status(500);
  }
}
@Catch()
class AdapterFilter implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}
  catch(_error: unknown, host: ArgumentsHost) {
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), {}, 500);
  }
}
Reflect.defineMetadata('design:paramtypes', [HttpAdapterHost], AdapterFilter);
@Catch()
class Base extends BaseExceptionFilter {}
/** As Sentry's does: it looks at the request, reports, and hands on. */
@Catch()
class Reporting extends BaseExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost) {
    const request = host.switchToHttp().getRequest<{ url: string } | undefined>();
    if (request?.url !== undefined) throw new Error('a job has none');
    // oxlint-disable-next-line promise/valid-params -- of a filter, not of a promise
    super.catch(exception, host);
  }
}
@Catch()
class Rejecting implements ExceptionFilter {
  async catch() {
    throw new TypeError('later');
  }
}
@Catch()
class Erring implements ExceptionFilter {
  catch() {
    return throwError(() => new RangeError('an Observable'));
  }
}

const FILTERS: [string, Provider][] = [
  ['a catch-all that answers a request', { provide: APP_FILTER, useClass: HttpCatchAll }],
  ['a catch-all that replies by the adapter', { provide: APP_FILTER, useClass: AdapterFilter }],
  ['a BaseExceptionFilter', { provide: APP_FILTER, useClass: Base }],
  ['a filter that reports and hands on', { provide: APP_FILTER, useClass: Reporting }],
  ['a filter that rejects', { provide: APP_FILTER, useClass: Rejecting }],
  ['a filter whose Observable fails', { provide: APP_FILTER, useClass: Erring }],
];

// Before all others, which fail in the same way: of such lines there are ten a second at most.
it('the log says which job had a filter that failed, and what to ask first', async () => {
  const { logs } = await kept(new OwnError('smtp is down'), [{ provide: APP_FILTER, useClass: Rejecting }]);
  const line = /An exception filter failed around a job of "work\/default".*host\.getType\(\) is "task"/s;
  expect(logs.matching(line)).toHaveLength(1);
});

describe.each(STORES)('the own error of a job is kept on $name', (store) => {
  it.each(FILTERS)('within %s', async (_what, filter) => {
    const error = new OwnError('smtp is down');
    const { dead, logs } = await kept(error, [filter], store);
    expect(dead).toBeInstanceOf(JobDeadError);
    expect(dead.message).toContain('OwnError: smtp is down');
    expect(logs.matching(/^error [^]*dead[^]*smtp is down/)).toHaveLength(1);
    // The filter's lies beside it, where inner errors are looked for.
    expect((error as Error & { errors?: Error[] }).errors?.map(({ name }) => name)).toEqual([
      expect.stringMatching(/TypeError|RangeError/),
    ]);
    expect(Object.keys(error)).not.toContain('errors');
  });
});

describe('whatever was thrown', () => {
  it.each([
    ['a text', 'smtp is down', 'smtp is down'],
    ['a frozen error', Object.freeze(new OwnError('frozen')), 'OwnError: frozen'],
    ['an AggregateError', new AggregateError([new Error('inner')], 'many'), 'AggregateError: many'],
    [
      'an error with a private field',
      new (class Coded extends Error {
        readonly #code = 7;
        get code() {
          return this.#code;
        }
      })('coded'),
      'coded',
    ],
  ])('%s is kept', async (_what, error, message) => {
    const { dead } = await kept(error, [{ provide: APP_FILTER, useClass: HttpCatchAll }]);
    expect(dead.message).toContain(message);
  });

  it('what is thrown again and again holds the other error once', async () => {
    const error = new OwnError('a constant');
    thrown = error;
    const { app } = await startApp(
      { providers: [Work, { provide: APP_FILTER, useClass: HttpCatchAll }] },
      { connection: 'memory://', defaults: { maxAttempts: 3, backoff: 0 }, globalEnhancers: ['filters'] },
    );
    const job = await app.get(QueueService).enqueue('work', {});
    await expect(job.result({ timeout: '5s' })).rejects.toThrow('a constant');
    expect((error as { errors?: unknown[] }).errors).toHaveLength(1);
  });
});

describe('a filter or interceptor that decides has the last word', () => {
  it('by an error of this package', async () => {
    @Catch()
    class Burying implements ExceptionFilter {
      catch() {
        throw new UnrecoverableError('not worth it');
      }
    }
    const { dead, logs } = await kept(new OwnError('own'), [{ provide: APP_FILTER, useClass: Burying }]);
    expect(dead.message).toContain('UnrecoverableError: not worth it');
    expect(logs.matching(/exception filter failed/)).toEqual([]);
  });

  it('by an error that names the own one as its cause', async () => {
    @Catch()
    class Wrapping implements ExceptionFilter {
      catch(cause: unknown) {
        throw new Error('wrapped', { cause });
      }
    }
    const { dead, logs } = await kept(new OwnError('own'), [{ provide: APP_FILTER, useClass: Wrapping }]);
    expect(dead.message).toContain('Error: wrapped');
    expect(logs.matching(/exception filter failed/)).toEqual([]);
  });

  it('by mapping errors in an interceptor', async () => {
    @Injectable()
    class Mapping implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler) {
        return next.handle().pipe(catchError(() => throwError(() => new RangeError('mapped'))));
      }
    }
    const { dead } = await kept(new OwnError('own'), [{ provide: APP_INTERCEPTOR, useClass: Mapping }]);
    expect(dead.message).toContain('RangeError: mapped');
  });
});

it('an interceptor that stumbles over a request hides no error of the job', async () => {
  @Injectable()
  class Stumbling implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler) {
      const request = context.switchToHttp().getResponse<{ status: number }>();
      return next.handle().pipe(
        map((value: unknown) => value),
        catchError(() => throwError(() => new Error(String(request.status)))),
      );
    }
  }
  const { dead } = await kept(new OwnError('smtp is down'), [{ provide: APP_INTERCEPTOR, useClass: Stumbling }]);
  expect(dead.message).toContain('OwnError: smtp is down');
});

it('filters of the method and of the class alike', async () => {
  @UseFilters(new HttpCatchAll())
  @Injectable()
  class Filtered {
    @Processor('work')
    @UseInterceptors({ intercept: (_context: ExecutionContext, next: CallHandler) => next.handle() })
    run() {
      throw new OwnError('filtered');
    }
  }
  const { app } = await startApp({ providers: [Filtered] }, { connection: 'memory://', defaults: { maxAttempts: 1 } });
  const job = await app.get(QueueService).enqueue('work', {});
  await expect(job.result({ timeout: '5s' })).rejects.toThrow('OwnError: filtered');
});
