import { ConfigurationError } from '../core/errors/option-errors.js';
import { describeMember, refuseStandardDecorator } from './decorator-mode.js';

/**
 * A decorator of a parameter of a handler.
 * @throws ConfigurationError where it stands on anything else, and nothing would ever look at it
 */
export function onHandlerParameter(decorator: string, write: ParameterDecorator): ParameterDecorator {
  return (target, method, index) => {
    refuseStandardDecorator(decorator, method);
    if (method !== undefined && typeof index === 'number' && typeof target !== 'function')
      return write(target, method, index);
    const where =
      method === undefined
        ? 'the constructor or the class itself'
        : typeof index === 'number'
          ? 'a static method'
          : 'a member';
    throw new ConfigurationError(
      `${decorator} on ${describeMember(target, method)} stands on ${where}. It belongs on a parameter of a handler: ` +
        `run(${decorator}() value: …).`,
    );
  };
}
