/** Text of a value for a message: short, on one line, and never a throw. */
export function describeValue(value: unknown): string {
  let text: string;
  try {
    text =
      typeof value === 'string'
        ? JSON.stringify(value)
        : typeof value === 'object' && value !== null
          ? textOfObject(value)
          : String(value);
  } catch {
    text = Object.prototype.toString.call(value);
  }
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function textOfObject(value: object): string {
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value);
  const text = JSON.stringify(value);
  const { name } = value.constructor ?? Object;
  return text !== '{}' || name === 'Object' ? text : `a ${name}`;
}
