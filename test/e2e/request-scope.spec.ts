import { afterEach, expect, it } from '@jest/globals';
import { Controller, Inject, Injectable, Scope, UseGuards, type CanActivate } from '@nestjs/common';
import {
  ContextIdFactory,
  ModuleRef,
  REQUEST,
  type ContextId,
  type ContextIdStrategy,
  type HostComponentInfo,
} from '@nestjs/core';
import { Payload, Processor, QueueService, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, type RunningApp } from '../support/apps.js';

afterEach(closeApps);

async function run({ app }: RunningApp, payload: unknown = {}): Promise<unknown> {
  const job = await app.get(QueueService).enqueue<unknown, unknown>('work', payload, { maxAttempts: 1 });
  return job.result({ timeout: '5s' });
}

it('makes one instance per job, with the job as REQUEST, all the way down', async () => {
  let made = 0;
  @Injectable({ scope: Scope.REQUEST })
  class Tenant {
    constructor(@Inject(REQUEST) readonly job: Job<{ tenant: string }>) {}
  }
  @Injectable()
  class Work {
    constructor(private readonly tenant: Tenant) {
      made++;
    }
    @Processor('work')
    work(job: Job) {
      return [this.tenant.job === job, this.tenant.job.payload.tenant];
    }
  }
  const app = await startApp({ providers: [Tenant, Work] });
  expect(made).toBe(0);
  expect(await run(app, { tenant: 'a' })).toEqual([true, 'a']);
  expect(await run(app, { tenant: 'b' })).toEqual([true, 'b']);
  expect(made).toBe(2);
});

it('runs scoped guards and parameters with it, in the same context', async () => {
  @Injectable({ scope: Scope.REQUEST })
  class Tenant {
    readonly id = Math.random();
    constructor(@Inject(REQUEST) readonly job: Job<{ n: number }>) {}
  }
  const seen: unknown[] = [];
  @Injectable()
  class Guard implements CanActivate {
    constructor(private readonly tenant: Tenant) {}
    canActivate() {
      seen.push(this.tenant.id, this.tenant.job.payload.n);
      return true;
    }
  }
  @Injectable()
  class Work {
    constructor(
      private readonly tenant: Tenant,
      private readonly modules: ModuleRef,
    ) {}
    @UseGuards(Guard)
    @Processor('work')
    async work(@Payload() payload: { n: number }) {
      const again = await this.modules.resolve(Tenant, ContextIdFactory.getByRequest(this.tenant.job as never));
      seen.push(this.tenant.id, again.id);
      return payload.n;
    }
  }
  const app = await startApp({ providers: [Tenant, Guard, Work] });
  expect(await run(app, { n: 7 })).toBe(7);
  expect(seen).toEqual([seen[0], 7, seen[0], seen[0]]);
});

it('makes a default-scoped handler scoped where its guard is', async () => {
  @Injectable({ scope: Scope.REQUEST })
  class Guard implements CanActivate {
    constructor(@Inject(REQUEST) private readonly job: Job<{ allow: boolean }>) {}
    canActivate() {
      return this.job.payload.allow;
    }
  }
  @Injectable()
  class Work {
    @UseGuards(Guard)
    @Processor('work')
    work() {
      return 'allowed';
    }
  }
  const app = await startApp({ providers: [Work] });
  expect(await run(app, { allow: true })).toBe('allowed');
  await expect(run(app, { allow: false })).rejects.toMatchObject({ lastError: { name: 'ForbiddenException' } });
});

it('makes transient handlers per job, and serves scoped controllers', async () => {
  let made = 0;
  @Injectable({ scope: Scope.TRANSIENT })
  class Work {
    constructor() {
      made++;
    }
    @Processor('work')
    work() {
      return made;
    }
  }
  @Controller({ scope: Scope.REQUEST })
  class Reports {
    constructor(@Inject(REQUEST) private readonly job: Job) {}
    @Processor('reports')
    make() {
      return this.job.queue;
    }
  }
  const app = await startApp({ providers: [Work], controllers: [Reports] });
  const before = made;
  await run(app);
  await run(app);
  expect(made - before).toBe(2);
  const report = await app.app.get(QueueService).enqueue<unknown, unknown>('reports', {});
  expect(await report.result({ timeout: '5s' })).toBe('reports');
});

it('shares durable providers by what the app’s strategy makes of a job', async () => {
  const trees = new Map<string, ContextId>();
  class ByTenant implements ContextIdStrategy<Job<{ tenant: string }>> {
    attach(contextId: ContextId, job: Job<{ tenant: string }>) {
      const { tenant } = job.payload;
      const tree = trees.get(tenant) ?? ContextIdFactory.create();
      trees.set(tenant, tree);
      return {
        resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tree : contextId),
        payload: { tenant },
      };
    }
  }
  let made = 0;
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class Work {
    constructor(@Inject(REQUEST) private readonly request: { tenant: string }) {
      made++;
    }
    @Processor('work')
    work() {
      return this.request.tenant;
    }
  }
  ContextIdFactory.apply(new ByTenant() as never);
  try {
    const app = await startApp({ providers: [Work] });
    expect(await run(app, { tenant: 'a' })).toBe('a');
    expect(await run(app, { tenant: 'b' })).toBe('b');
    expect(await run(app, { tenant: 'a' })).toBe('a');
    expect(made).toBe(2);
  } finally {
    ContextIdFactory.apply(undefined as never);
  }
});
