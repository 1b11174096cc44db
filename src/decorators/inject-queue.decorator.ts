import { Inject } from '@nestjs/common';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { checkKeyName } from '../core/names.js';
import { getQueueToken } from '../core/constants.js';
import { checkDecoratorCall, describeMember, refuseStandardDecorator } from './decorator-mode.js';

/**
 * Injects the `Queue` of this name, which a `TaskQueueModule.registerQueue({ name })` that is imported here provides.
 * @throws InvalidValueError; ConfigurationError where Nest injects nothing: on methods, their parameters, static properties
 */
export function InjectQueue(name: string): PropertyDecorator & ParameterDecorator {
  checkDecoratorCall('@InjectQueue', [...arguments], 1);
  checkKeyName(name, 'queue of @InjectQueue');
  const inject = Inject(getQueueToken(name));
  return (target: object, member: string | symbol | undefined, index?: unknown) => {
    refuseStandardDecorator('@InjectQueue', member);
    const isProperty = member !== undefined && typeof index !== 'number' && !isMethod(index);
    const isConstructorParameter = member === undefined && typeof index === 'number';
    if (isProperty ? typeof target === 'function' : !isConstructorParameter) {
      throw new ConfigurationError(
        `@InjectQueue("${name}") on ${describeMember(target, member)}: Nest injects into parameters of a constructor and into ` +
          'properties of instances, and nowhere else.',
      );
    }
    // Babel and SWC hand a descriptor over where TypeScript hands nothing; Nest would take it for the place of a parameter.
    inject(target, member, (isProperty ? undefined : index) as number);
  };
}

/** A method, or an accessor that nothing can be put into. */
function isMethod(descriptor: unknown): boolean {
  const given = descriptor as PropertyDescriptor | undefined;
  return typeof given?.value === 'function' || (given?.get !== undefined && given.set === undefined);
}
