import { text } from '../text.js';

interface JsonFieldProps {
  label: string;
  typed: string;
  onTyped: (typed: string) => void;
  /** Of the server: what its schema refuses. */
  issues?: readonly { path: string; message: string }[] | undefined;
  rows?: number;
  /** Nothing is an answer, too. */
  optional?: boolean;
}

/** Where JSON is written; says at once where it is none. */
export function JsonField({ label, typed, onTyped, issues = [], rows = 12, optional = false }: JsonFieldProps) {
  const parsed = optional && typed.trim() === '' ? { value: undefined } : parseJson(typed);
  const wrong = 'problem' in parsed || issues.length > 0;
  return (
    <div class="field">
      <label>
        {label}
        <textarea
          class="mono"
          rows={rows}
          spellcheck={false}
          autocapitalize="off"
          value={typed}
          aria-invalid={wrong ? true : undefined}
          aria-describedby="json-problems"
          onInput={(event) => onTyped(event.currentTarget.value)}
        />
      </label>
      <div id="json-problems" class="problems" role="status">
        {'problem' in parsed && <p>{text.noJson(parsed.problem)}</p>}
        {issues.map(({ path, message }) => (
          <p key={path + message}>
            {path && <code>{path}</code>} {message}
          </p>
        ))}
      </div>
    </div>
  );
}

export function parseJson(typed: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(typed) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
