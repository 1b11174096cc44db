import { copyText } from '../clipboard.js';
import { text } from '../text.js';
import { toast } from '../toaster.js';

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MOST_COLOURED = 60_000;

export function jsonText(value: unknown): string {
  return value === undefined ? 'undefined' : JSON.stringify(value, undefined, 2);
}

/** JSON as text, coloured; nothing of it becomes markup. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const content = jsonText(value);
  return (
    <div class="code-box">
      <CopyButton content={content} label={label} />
      <pre tabIndex={0} role="group" aria-label={label}>
        <code>{content.length > MOST_COLOURED ? content : colour(content)}</code>
      </pre>
    </div>
  );
}

function colour(content: string) {
  const parts = [];
  let at = 0;
  for (const found of content.matchAll(TOKEN)) {
    if (found.index > at) parts.push(content.slice(at, found.index));
    const [whole, quoted, colon] = found;
    if (quoted !== undefined) {
      parts.push(<span class={colon ? 'j-key' : 'j-text'}>{quoted}</span>, colon ?? '');
    } else parts.push(<span class="j-value">{whole}</span>);
    at = found.index + whole.length;
  }
  parts.push(content.slice(at));
  return parts;
}

export function CopyButton({ content, label }: { content: string; label: string }) {
  const copy = async (): Promise<void> => {
    if (await copyText(content)) toast(text.copied(label));
    else toast(text.notCopied, { bad: true });
  };
  return (
    <button type="button" class="small copy" aria-label={text.copyThe(label)} onClick={() => void copy()}>
      {text.copy}
    </button>
  );
}
