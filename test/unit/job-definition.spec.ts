import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { InvalidValueError, UnknownOptionError } from '../../src/core/errors/option-errors.js';
import { defineJob, isJobDefinition } from '../../src/queue/job-definition.js';

describe('defineJob', () => {
  it('reads its options into engine units, once', () => {
    const definition = defineJob<{ to: string }, number>({
      queue: 'mail',
      name: 'welcome',
      maxAttempts: 5,
      timeout: '10s',
    });
    expect(definition).toMatchObject({
      queue: 'mail',
      name: 'welcome',
      options: { maxAttempts: 5, timeoutMs: 10_000 },
    });
    expect(definition.schema).toBeUndefined();
    expect(Object.isFrozen(definition)).toBe(true);
    expect(isJobDefinition(definition)).toBe(true);
  });

  it('takes any Standard Schema', () => {
    const schema = z.object({ path: z.string() });
    expect(defineJob({ queue: 'files', name: 'report', schema }).schema).toBe(schema);
    expect(() => defineJob({ queue: 'files', name: 'report', schema: {} as never })).toThrow(/schema in defineJob/);
  });

  it.each([
    ['a queue name', { queue: 'a:b', name: 'x' }, InvalidValueError, /queue in defineJob/],
    ['a job name', { queue: 'a', name: 'x y' }, InvalidValueError, /Invalid name/],
    ['no name', { queue: 'a' }, InvalidValueError, /Invalid name/],
    [
      'a duration',
      { queue: 'a', name: 'x', timeout: '10 parsecs' },
      InvalidValueError,
      /timeout in defineJob\("a\/x"\)/,
    ],
    ['an unknown option', { queue: 'a', name: 'x', maxAtempts: 2 }, UnknownOptionError, /maxAttempts/],
    [
      'an option by its name elsewhere',
      { queue: 'a', name: 'x', attempts: 2 },
      UnknownOptionError,
      /mean "maxAttempts"/,
    ],
    ['an option called as a builtin', { queue: 'a', name: 'x', toString: 2 }, UnknownOptionError, /Known options/],
  ])('refuses %s', (_what, spec, type, message) => {
    const define = () => defineJob(spec as never);
    expect(define).toThrow(type);
    expect(define).toThrow(message);
  });

  it('is told from anything else', () => {
    for (const value of [null, undefined, 'mail', {}, { queue: 'a', name: 'b' }])
      expect(isJobDefinition(value)).toBe(false);
  });
});
