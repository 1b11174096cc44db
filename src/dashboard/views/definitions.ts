import type { StandardSchemaV1 } from '../../core/standard-schema.js';
import type { HandlerRegistry } from '../../discovery/handler-registry.js';
import { definitionOf, namesOfDefinitions } from '../../queue/job-definition.js';
import type { Definition } from '../wire.js';

/** What this process can enqueue by name: what its handlers take, and what its definitions say. */
export function definitionsOf(registry: HandlerRegistry, queue: string): Definition[] {
  const handled = registry.handledNamesOf(queue);
  const names = new Set([...(handled === '*' ? [] : handled), ...namesOfDefinitions(queue)]);
  return [...names].sort().map((name) => {
    const schema = schemaOf(registry, queue, name);
    const jsonSchema = schema && jsonSchemaOf(schema);
    return { name, checked: schema !== undefined, ...(jsonSchema !== undefined && { jsonSchema }) };
  });
}

function schemaOf(registry: HandlerRegistry, queue: string, name: string): StandardSchemaV1 | undefined {
  return definitionOf(queue, name)?.schema ?? registry.schemaOf(queue, name);
}

interface TellsJsonSchema {
  jsonSchema?: { input?: (options: { target: string }) => unknown };
}

/** Of libraries with Standard JSON Schema. What a schema cannot tell is no reason not to enqueue. */
function jsonSchemaOf(schema: StandardSchemaV1): unknown {
  try {
    return (schema['~standard'] as TellsJsonSchema).jsonSchema?.input?.({ target: 'draft-2020-12' });
  } catch {
    return undefined;
  }
}
