import { afterEach, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { Injectable } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import {
  defineJob,
  getQueueToken,
  InjectQueue,
  Queue,
  QueueService,
  ScheduleService,
  TaskQueueHealth,
  TaskQueueModule,
  type Connection,
  type Job,
  type JobHandle,
} from 'nestjs-task-queue';
import { TaskQueueHealthIndicator } from 'nestjs-task-queue/terminus';
import { TestQueues } from 'nestjs-task-queue/testing';
import { closeApps, startModule, STORES, type RunningApp } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

@Injectable()
class Mailer {
  constructor(@InjectQueue('mail') readonly mail: Queue) {}
}

/** Of Node's inspect and JSON: nested in something of the user, as deep as can be. */
function shownTexts(value: unknown): string[] {
  const own = { service: { held: value } };
  return [
    inspect(value),
    inspect(own, { depth: Infinity }),
    inspect([value], { compact: false, colors: true }),
    JSON.stringify(value),
    JSON.stringify(own),
  ];
}

const PRIVATE = /hunter22|scope|envelope|redactor|codec|logger|supervisor|store\b|clock/i;

describe.each(STORES)('what console.log and JSON show on $name', ({ options }) => {
  let seen: Job | undefined;

  async function start(redact: string[] = []): Promise<RunningApp> {
    const work = handlerOf('work', (job) => void (seen = job));
    const given = options();
    // A secret that the store never asks for, in the connection.
    const connection = typeof given.connection === 'string' ? withSecret(given.connection) : given.connection;
    return startModule({
      imports: [
        TaskQueueModule.forRoot({ ...given, connection, redact }),
        TaskQueueModule.registerQueue({ name: 'mail' }),
      ],
      providers: [work, Mailer, TaskQueueHealthIndicator],
    });
  }

  it('is nothing of the inside of what can be injected', async () => {
    const { app } = await start();
    const injectables: [object, string][] = [
      [app.get(QueueService), 'QueueService {}'],
      [app.get(ScheduleService), 'ScheduleService {}'],
      [app.get(TaskQueueHealth), 'TaskQueueHealth {}'],
      [app.get(TaskQueueHealthIndicator), 'TaskQueueHealthIndicator {}'],
      [app.get<Queue>(getQueueToken('mail')), "Queue { name: 'mail' }"],
    ];
    for (const [injectable, text] of injectables) {
      expect(inspect(injectable)).toBe(text);
      for (const shown of shownTexts(injectable)) expect(shown).not.toMatch(PRIVATE);
    }
    expect(JSON.stringify(app.get(getQueueToken('mail')))).toBe('{"name":"mail"}');
    expect(inspect(app.get(Mailer))).toBe("Mailer { mail: Queue { name: 'mail' } }");
  });

  it('is no secret of a connection in any instance that Nest holds for this package', async () => {
    const { app } = await start();
    const own = [...app.get(ModulesContainer).values()].filter(({ name }) => name.startsWith('TaskQueue'));
    const instances = own.flatMap(({ providers }) => [...providers.values()].map(({ instance }) => instance));
    // A ModuleRef shows Nest's whole container.
    const ours = instances.filter((instance) => isOfAClass(instance) && !(instance instanceof ModuleRef)) as object[];
    expect(new Set(ours.map(({ constructor }) => constructor.name)).size).toBeGreaterThan(8);
    for (const instance of ours) for (const shown of shownTexts(instance)) expect(shown).not.toContain('hunter22');
  });

  it('are the fields of a handle and of a job in its handler, without what redact names', async () => {
    const { app } = await start(['password']);
    const queues = app.get(QueueService);
    const handle = await queues.enqueue('work', { to: 'ada', password: 'hunter22' }, { id: 'mail-7' });
    await handle.result();
    const kept = (await queues.getJob('work', 'mail-7')) as JobHandle;
    for (const shown of [handle, kept, seen as Job].flatMap((job) => shownTexts(job))) {
      expect(shown).toMatch(/mail-7/);
      expect(shown).toMatch(/ada/);
      expect(shown).not.toMatch(PRIVATE);
    }
    expect(inspect(handle)).toMatch(/^JobHandle \{\n {2}id: 'mail-7',/);
    expect(inspect([[[handle]]])).toBe('[ [ [ [JobHandle] ] ] ]');
    expect(inspect(seen)).toMatch(/^HandledJob \{\n {2}id: 'mail-7',/);
  });
});

it('shows a TestQueues and a definition without what is inside', () => {
  expect(shownTexts(new TestQueues())[0]).toBe('TestQueues {}');
  expect(JSON.stringify(new TestQueues())).toBe('{}');
  expect(JSON.parse(JSON.stringify(defineJob({ queue: 'mail', name: 'welcome' })))).toEqual({
    queue: 'mail',
    name: 'welcome',
    options: {},
  });
});

function withSecret(url: string): Connection {
  if (url.startsWith('memory:')) return url;
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port), sentinelPassword: 'hunter22' };
}

function isOfAClass(value: unknown): boolean {
  return typeof value === 'object' && value !== null && value.constructor !== Object && value.constructor !== Array;
}
