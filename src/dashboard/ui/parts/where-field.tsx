import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiFailure } from '../api.js';
import { text } from '../text.js';

interface WhereFieldProps {
  where: string;
  onSubmit: (typed: string) => void;
  /** Of the last search; one with a position is shown at the character that it is about. */
  failure: ApiFailure | undefined;
}

/** Where a filter is typed; Enter searches. */
export function WhereField({ where, onSubmit, failure }: WhereFieldProps) {
  const [typed, setTyped] = useState(where);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setTyped(where), [where]);
  const insert = (term: string): void => {
    setTyped((before) => `${before.trim()} ${term}`.trim());
    input.current?.focus();
  };
  const wrong = failure?.position !== undefined || failure?.status === 400 ? failure : undefined;
  return (
    <search class="where">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit(typed.trim());
        }}
      >
        <input
          ref={input}
          type="search"
          data-filter
          aria-label={text.filterJobs}
          placeholder={text.filterExample}
          aria-invalid={wrong ? true : undefined}
          aria-describedby={wrong ? 'where-failure' : undefined}
          value={typed}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            // The cross of a search field empties it, and no Enter follows.
            if (event.currentTarget.value === '' && where !== '') onSubmit('');
          }}
        />
        <button type="submit">{text.search}</button>
      </form>
      {wrong && <WhereFailure failure={wrong} where={where} />}
      <details class="syntax">
        <summary>{text.syntax}</summary>
        <table>
          <caption class="offscreen">{text.syntax}</caption>
          <tbody>
            {text.syntaxTerms.map(([term, meaning]) => (
              <tr key={term}>
                <th scope="row">
                  <button type="button" class="small mono" onClick={() => insert(term)}>
                    {term}
                  </button>
                </th>
                <td>{meaning}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </search>
  );
}

function WhereFailure({ failure, where }: { failure: ApiFailure; where: string }) {
  const { position } = failure;
  return (
    <div class="where-failure" id="where-failure" role="alert">
      {position !== undefined && (
        <code>
          {where.slice(0, position - 1)}
          <mark>{where.slice(position - 1, position) || '␣'}</mark>
          {where.slice(position)}
        </code>
      )}
      <p>{failure.message}</p>
    </div>
  );
}
