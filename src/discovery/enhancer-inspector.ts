import 'reflect-metadata';
import { ValidationPipe, type Type } from '@nestjs/common';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { PAYLOAD_PARAMETER } from '../decorators/payload.decorator.js';
import type { DecoratedMethod } from './decorated-method.js';
import { MetadataAccessor, type ParameterMetadata } from './metadata-accessor.js';
import { CUSTOM_PARAMETER, ENHANCER_KINDS } from './nest-metadata.js';

/** What has to run around one handler. */
export interface HandlerNeeds {
  enhancers: boolean;
  parameters: boolean;
}

function validatesByType(pipe: unknown): boolean {
  if (pipe === ValidationPipe) return true;
  return pipe instanceof ValidationPipe && (pipe as unknown as { expectedType?: unknown }).expectedType === undefined;
}

/** Looks at the guards, interceptors, pipes and filters of a handler before Nest does. */
export class EnhancerInspector {
  private readonly accessor = new MetadataAccessor();

  /**
   * Nest looks classes of enhancers up in the module of the handler's provider and skips in silence what it does not
   * find: on controllers, on what factories and values provide. A guard that does not run must not go unnoticed.
   * @throws ConfigurationError naming the handler and the remedy
   */
  inspect(method: DecoratedMethod, globalPipes: readonly unknown[], kind: 'job' | 'batch'): HandlerNeeds {
    const parameters = this.accessor.parametersOf(method.classRef, method.method);
    this.refuseForeignParameters(
      method,
      parameters.map(({ key }) => key),
    );

    let enhancers = false;
    for (const kind of ENHANCER_KINDS) {
      const onMethod = this.accessor.enhancersOf(kind, method.decorated);
      const all = [...this.accessor.enhancersOf(kind, method.classRef), ...onMethod];
      enhancers ||= all.length > 0;
      this.refuseSkipped(method, kind, all);
      const pipesMissed = kind === 'pipes' && parameters.length === 0;
      if (pipesMissed && (method.kind === 'provider' ? all.length > 0 : onMethod.length > 0)) {
        throw new ConfigurationError(
          `${method.label} has pipes and takes the whole Job, which pipes do not see. Take the payload as a parameter: ` +
            `${method.method}(@Payload() payload: …).`,
        );
      }
    }
    this.refuseSkipped(
      method,
      'pipes',
      parameters.flatMap(({ pipes }) => pipes),
    );
    const pipes = [
      ...globalPipes,
      ...this.accessor.enhancersOf('pipes', method.classRef),
      ...this.accessor.enhancersOf('pipes', method.decorated),
    ];
    if (kind === 'batch') this.refuseValidationOfBatch(method, parameters, pipes);
    else this.refuseBlindValidation(method, parameters, pipes);
    return { enhancers, parameters: parameters.length > 0 };
  }

  /** ValidationPipe lets every array pass. */
  private refuseValidationOfBatch(
    { label }: DecoratedMethod,
    parameters: readonly ParameterMetadata[],
    pipes: readonly unknown[],
  ): void {
    const isBlind = parameters.some(
      (parameter) =>
        parameter.key.startsWith(`${PAYLOAD_PARAMETER}:`) && [...pipes, ...parameter.pipes].some(validatesByType),
    );
    if (!isBlind) return;
    throw new ConfigurationError(
      `${label} takes batches, and ValidationPipe would let the array of their payloads pass. Check each payload with a schema, ` +
        '@Payload(schema) or defineJob({ schema }), or with new ParseArrayPipe({ items: … }).',
    );
  }

  /** ValidationPipe lets everything pass where the compiler has written no types of parameters. */
  private refuseBlindValidation(
    { classRef, method, label }: DecoratedMethod,
    parameters: readonly ParameterMetadata[],
    pipes: readonly unknown[],
  ): void {
    if (Reflect.hasMetadata('design:paramtypes', classRef.prototype as object, method)) return;
    const isBlind = parameters.some(
      (parameter) =>
        parameter.key.startsWith(`${PAYLOAD_PARAMETER}:`) && [...pipes, ...parameter.pipes].some(validatesByType),
    );
    if (!isBlind) return;
    throw new ConfigurationError(
      `${label}: ValidationPipe would let every payload pass, because the types of parameters are not in the compiled code. Set ` +
        '"emitDecoratorMetadata": true in the tsconfig.json (esbuild, tsx and Vite never write them: compile with tsc or SWC), ' +
        'or check the payload with a schema: @Payload(schema).',
    );
  }

  private refuseSkipped(method: DecoratedMethod, kind: string, enhancers: readonly unknown[]): void {
    for (const enhancer of enhancers) {
      if (typeof enhancer !== 'function') continue; // an instance needs no lookup
      const known = method.kind === 'provider' && method.host.injectables.has(enhancer as Type<never>);
      if (known) continue;
      throw new ConfigurationError(
        `${method.label}: Nest would skip ${enhancer.name} (${kind}) here without a word, because ` +
          (method.kind === 'controller'
            ? `${method.classRef.name} is a controller. Move the handler to a provider`
            : `${method.classRef.name} is not provided by its class (${method.place}). Provide the class itself`) +
          `, or pass an instance: new ${enhancer.name}().`,
      );
    }
  }

  /** `@Req()` and its like have no meaning for a job, and would be undefined. */
  private refuseForeignParameters(method: DecoratedMethod, keys: readonly string[]): void {
    for (const key of keys) {
      if (key.includes(CUSTOM_PARAMETER) || key.startsWith(`${PAYLOAD_PARAMETER}:`)) continue;
      throw new ConfigurationError(
        `${method.label}: parameter ${Number(key.split(':')[1]) + 1} asks for a part of an HTTP request, and a job has none. ` +
          'Use @Payload(), @JobRef() or @Signal().',
      );
    }
  }
}
