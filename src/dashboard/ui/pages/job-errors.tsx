import type { JobPage } from '../../wire-models.js';
import { CopyButton } from '../parts/json.js';
import { Ago } from '../parts/time.js';
import { text } from '../text.js';

type Failed = JobPage['job']['errors'][number];

/** Failed runs, the newest first; the stack of the newest is open. */
export function JobErrors({ errors }: { errors: readonly Failed[] }) {
  return (
    <ol class="errors">
      {[...errors].reverse().map((error, index) => (
        <li key={`${error.attempt} ${error.at}`}>
          <p class="error-head">
            <span class="muted num">{text.attemptNo(error.attempt)}</span> <strong>{error.name}</strong>{' '}
            <span>{error.message}</span>
            <span class="muted nowrap">
              <Ago at={error.at} />
            </span>
          </p>
          {error.stack && <Stack stack={error.stack} open={index === 0} />}
        </li>
      ))}
    </ol>
  );
}

const CAUSE = /\n(?=\s*(?:\[cause\]|Caused by|caused by):?)/;
const FOREIGN = /node_modules|\(node:|at node:|internal\//;

/** An error and its causes, one below the other; frames of libraries are folded away. */
function Stack({ stack, open }: { stack: string; open: boolean }) {
  return (
    <details open={open} class="stack">
      <summary>{text.stack}</summary>
      <CopyButton content={stack} label={text.stack} />
      {stack.split(CAUSE).map((part, index) => (
        <Part key={index} lines={part.split('\n')} />
      ))}
    </details>
  );
}

function Part({ lines }: { lines: readonly string[] }) {
  const groups: { foreign: boolean; lines: string[] }[] = [];
  for (const line of lines) {
    const foreign = FOREIGN.test(line);
    const last = groups.at(-1);
    if (last?.foreign === foreign) last.lines.push(line);
    else groups.push({ foreign, lines: [line] });
  }
  return (
    <div class="frames">
      {groups.map(({ foreign, lines: frames }, index) =>
        foreign && frames.length > 1 ? (
          <details key={index}>
            <summary>{text.frames(frames.length)}</summary>
            <pre>{frames.join('\n')}</pre>
          </details>
        ) : (
          <pre key={index} class={foreign ? 'muted' : undefined}>
            {frames.join('\n')}
          </pre>
        ),
      )}
    </div>
  );
}
