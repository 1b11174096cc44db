type Inspect = (value: unknown, options: object) => string;

/**
 * Has `console.log`, `util.inspect` and `JSON.stringify` show the documented members of a class and nothing of what lies behind
 * it: options, connections, the payloads of other jobs. Spread and `Object.keys` still see fields that are not `#private`.
 * @param membersOf by default none; an object that has a `toJSON` of its own keeps it
 */
export function showMembers<T extends object>(
  Class: { readonly prototype: T },
  membersOf: (instance: T) => object = () => ({}),
): void {
  const { prototype } = Class;
  const inspect = function (this: T, depth: number, options: object, inspectValue: Inspect): string {
    const { name } = this.constructor;
    if (depth < 0) return `[${name}]`;
    return `${name} ${inspectValue(membersOf(this), { ...options, depth })}`;
  };
  define(prototype, Symbol.for('nodejs.util.inspect.custom'), inspect);
  if ('toJSON' in prototype) return;
  define(prototype, 'toJSON', function toJSON(this: T) {
    return membersOf(this);
  });
}

function define(prototype: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(prototype, key, { value, configurable: true, writable: true });
}
