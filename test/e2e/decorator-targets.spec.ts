import { compileFunction } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Injectable, type Type } from '@nestjs/common';
import ts from 'typescript';
import {
  Cron,
  InjectQueue,
  Interval,
  JobRef,
  OnQueueAlert,
  OnQueueEvent,
  Payload,
  Processor,
  Signal,
  TaskQueueModule,
  Timeout,
  type TaskQueueError,
} from 'nestjs-task-queue';
import { closeApps, startModule } from '../support/apps.js';

afterEach(closeApps);

const METHOD_DECORATORS = {
  '@Processor': Processor('mail'),
  '@Cron': Cron('0 0 1 1 *'),
  '@Interval': Interval('1h', { scope: 'instance' }),
  '@Timeout': Timeout('1h'),
  '@OnQueueEvent': OnQueueEvent('mail', 'completed'),
  '@OnQueueAlert': OnQueueAlert(),
};
const PARAMETER_DECORATORS = { '@Payload': Payload(), '@JobRef': JobRef(), '@Signal': Signal() };
const EVERY_DECORATOR = { ...METHOD_DECORATORS, ...PARAMETER_DECORATORS, '@InjectQueue': InjectQueue('mail') };

/** A class with the decorator `d` on one thing. */
const TARGETS = {
  'a method': 'class Target { @d run() {} }',
  'an async method': 'class Target { @d async run() {} }',
  'a static method': 'class Target { @d static run() {} }',
  'a generator': 'class Target { @d *run() {} }',
  'an async generator': 'class Target { @d async *run() {} }',
  'a getter': 'class Target { @d get run() { return () => {}; } }',
  'a setter': 'class Target { @d set run(value) {} }',
  'an auto-accessor': 'class Target { @d accessor run = () => {}; }',
  'a static auto-accessor': 'class Target { @d static accessor run = 1; }',
  'a property': 'class Target { @d run; }',
  'a static property': 'class Target { @d static run; }',
  'an arrow property': 'class Target { @d run = () => {}; }',
  'a method with a symbol for a name': 'class Target { @d [Symbol.for("run")]() {} }',
  'a method with a computed name': 'class Target { @d ["r" + "un"]() {} }',
  'a method with a number for a name': 'class Target { @d 7() {} }',
  'a class': '@d class Target { run() {} }',
  'a parameter of the constructor': 'class Target { constructor(@d queue) {} run() {} }',
  'a parameter of a method': 'class Target { run(@d value) {} }',
  'a parameter of a static method': 'class Target { static run(@d value) {} }',
};

/** Compiles the class as a user's compiler does, and makes it, which runs its decorator. */
function classOf(source: string, decorator: unknown, experimentalDecorators: boolean): Type<object> {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      experimentalDecorators,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      useDefineForClassFields: true,
    },
  });
  return compileFunction(`${outputText.replace(/^export .*$/m, '')}\nreturn Target;`, ['d'])(decorator) as Type<object>;
}

/** `works`, or the message of the error, wherever it stopped. */
async function outcomeOf(source: string, decorator: unknown): Promise<string> {
  try {
    const target = classOf(source, decorator, true);
    Injectable()(target);
    await startModule({
      imports: [TaskQueueModule.forRoot({ connection: 'memory://' }), TaskQueueModule.registerQueue({ name: 'mail' })],
      providers: [target],
    });
    return 'works';
  } catch (error) {
    return `${(error as TaskQueueError).code}: ${(error as Error).message}`;
  }
}

describe('decorators of methods, compiled for Nest', () => {
  const NOT_A_TEXT = /Target\.Symbol\(run\): only a method with a plain name/;
  const rules: [keyof typeof TARGETS, RegExp | 'works'][] = [
    ['a method', 'works'],
    ['an async method', 'works'],
    ['a method with a computed name', 'works'],
    ['a method with a number for a name', /Target\.7: only a method with a plain name/],
    ['a static method', /on Target\.run: a static method belongs to no provider\. Make it an instance method/],
    ['a generator', /on Target\.run: a generator \(function\*\) is no handler.*job\.progress\(\)/],
    ['an async generator', /on Target\.run: a generator \(function\*\) is no handler/],
    ['a getter', /on Target\.run: an accessor \(get, set\) is no handler\. Make it a method/],
    ['a setter', /on Target\.run: an accessor \(get, set\) is no handler/],
    ['an auto-accessor', /on Target\.run: an accessor \(get, set\) is no handler/],
    ['a static auto-accessor', /on Target\.run: a static accessor belongs to no provider/],
    ['a property', /on Target\.run: a property is no handler/],
    ['a static property', /on Target\.run: a static property belongs to no provider/],
    ['an arrow property', /on Target\.run: a property is no handler, also where it holds an arrow function/],
    ['a method with a symbol for a name', NOT_A_TEXT],
    ['a class', /stands on the class Target; here it belongs on a method/],
    ['a parameter of the constructor', /stands on a parameter of the constructor of Target\. It belongs on a method/],
    ['a parameter of a method', /on Target\.run: it stands on a parameter\. It belongs on the method/],
    ['a parameter of a static method', /on Target\.run: a static parameter belongs to no provider/],
  ];
  const table = Object.entries(METHOD_DECORATORS).flatMap(([name, decorator]) =>
    rules.map(([target, outcome]) => ({ name, decorator, target, outcome })),
  );

  it('has a rule for every target', () => {
    expect(rules.map(([target]) => target).sort()).toEqual(Object.keys(TARGETS).sort());
  });

  it.each(table)('$name on $target', async ({ name, decorator, target, outcome }) => {
    const said = await outcomeOf(TARGETS[target], decorator);
    if (outcome === 'works') return expect(said).toBe('works');
    expect(said).toMatch(outcome);
    expect(said).toMatch(new RegExp(`^TASK_QUEUE_CONFIGURATION: .*${name}`));
  });
});

describe('decorators of parameters, compiled for Nest', () => {
  const table = Object.entries(PARAMETER_DECORATORS).flatMap(([name, decorator]) =>
    Object.keys(TARGETS).map((target) => ({ name, decorator, target: target as keyof typeof TARGETS })),
  );
  it.each(table)('$name on $target', async ({ name, decorator, target }) => {
    const said = await outcomeOf(TARGETS[target], decorator);
    // What is no handler is Nest's or the user's to call: the decorator changes nothing there.
    if (target === 'a parameter of a method') return expect(said).toBe('works');
    expect(said).toMatch(
      new RegExp(`^TASK_QUEUE_CONFIGURATION: ${name} on Target.*belongs on a parameter of a handler`),
    );
  });
});

describe('@InjectQueue, compiled for Nest', () => {
  const WORKS = [
    'a property',
    'an arrow property',
    'a setter',
    'an auto-accessor',
    'a parameter of the constructor',
  ] as const satisfies readonly (keyof typeof TARGETS)[];
  it.each(Object.keys(TARGETS) as (keyof typeof TARGETS)[])('on %s', async (target) => {
    const said = await outcomeOf(TARGETS[target], InjectQueue('mail'));
    if ((WORKS as readonly string[]).includes(target)) return expect(said).toBe('works');
    expect(said).toMatch(/^TASK_QUEUE_CONFIGURATION: @InjectQueue\("mail"\) on Target.*: Nest injects into/);
  });
});

describe('standard decorators are refused with the option of the compiler', () => {
  const compiled = Object.keys(TARGETS).filter((target) => !target.startsWith('a parameter'));
  const table = Object.entries({ ...EVERY_DECORATOR }).flatMap(([name, decorator]) =>
    [...compiled.map((target) => TARGETS[target as keyof typeof TARGETS]), 'class Target { @d #run() {} }'].map(
      (source) => ({ name, decorator, source }),
    ),
  );
  it.each(table)('$name in $source', ({ name, decorator, source }) => {
    let error: TaskQueueError | undefined;
    try {
      classOf(source, decorator, false);
    } catch (thrown) {
      error = thrown as TaskQueueError;
    }
    expect(error?.code).toBe('TASK_QUEUE_CONFIGURATION');
    expect(error?.message).toMatch(new RegExp(`^${name}.*"experimentalDecorators": true`));
  });

  it.each([
    ['@Processor', Processor],
    ['@Cron', Cron],
    ['@Interval', Interval],
    ['@Timeout', Timeout],
    ['@OnQueueEvent', OnQueueEvent],
    ['@OnQueueAlert', OnQueueAlert],
    ['@InjectQueue', InjectQueue],
    ['@Payload', Payload],
    ['@JobRef', JobRef],
    ['@Signal', Signal],
  ])('%s without its parentheses, in both modes', (name, decorator) => {
    const source = 'class Target { @d run() {} }';
    expect(() => classOf(source, decorator, false)).toThrow('"experimentalDecorators": true');
    expect(() => classOf(source, decorator, true)).toThrow(`${name} on Target.run lacks its parentheses`);
    // An argument of @Payload may be the class of a pipe.
    if (decorator === Payload) return;
    expect(() => classOf('@d class Target {}', decorator, true)).toThrow(`${name} on Target lacks its parentheses`);
  });
});

describe('arguments that nobody would read', () => {
  it.each<[string, (...given: never[]) => unknown, unknown[]]>([
    ['@Processor takes 2 at most', Processor, ['mail', {}, { concurrency: 5 }]],
    ['@Cron takes 2 at most', Cron, ['0 0 * * *', {}, 'UTC']],
    ['@Interval takes 3 at most', Interval, ['name', '1m', {}, 5]],
    ['@Timeout takes 3 at most', Timeout, ['name', '1m', {}, 5]],
    ['@OnQueueEvent takes 2 at most', OnQueueEvent, ['mail', 'dead', { name: 'x' }]],
    ['@OnQueueAlert takes 1 at most', OnQueueAlert, [{}, 'mail']],
    ['@InjectQueue takes 1 at most', InjectQueue, ['mail', {}]],
    ['@JobRef takes no argument', JobRef, ['id']],
    ['@Signal takes no argument', Signal, [{}]],
  ])('%s', (message, decorator, given) => {
    expect(() => decorator(...(given as never[]))).toThrow(message);
  });
});

it('refuses a misplaced decorator on a controller and in a base class, too', async () => {
  const Base = classOf(TARGETS['a getter'], METHOD_DECORATORS['@Processor'], true);
  class Work extends Base {}
  Controller('work')(Work);
  const boot = startModule({ imports: [TaskQueueModule.forRoot({ connection: 'memory://' })], controllers: [Work] });
  await expect(boot).rejects.toThrow('@Processor on Target.run: an accessor (get, set) is no handler');
});
