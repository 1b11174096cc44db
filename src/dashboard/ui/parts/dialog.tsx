import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { text } from '../text.js';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

/** The browser's own modal: it keeps the focus, Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children, wide }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={ref} class={wide ? 'wide' : undefined} aria-labelledby={id} onClose={onClose}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="icon" aria-label={text.close} onClick={() => ref.current?.close()}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface Question {
  title: string;
  body?: ComponentChildren;
  /** What the button that does it says. */
  confirm: string;
  danger?: boolean;
  /** What has to be typed before. */
  typed?: string;
}

const asked = signal<(Question & { answer: (yes: boolean) => void }) | undefined>(undefined);

/** @returns whether it is to be done */
export function ask(question: Question): Promise<boolean> {
  return new Promise((answer) => (asked.value = { ...question, answer }));
}

/** Stands once in the page and shows what {@link ask} asks. */
export function Questions() {
  const question = asked.value;
  if (question === undefined) return null;
  const end = (yes: boolean): void => {
    asked.value = undefined;
    question.answer(yes);
  };
  return (
    <Dialog title={question.title} onClose={() => end(false)}>
      <QuestionForm question={question} onEnd={end} />
    </Dialog>
  );
}

function QuestionForm({ question, onEnd }: { question: Question; onEnd: (yes: boolean) => void }) {
  const [typed, setTyped] = useState('');
  const ready = question.typed === undefined || typed === question.typed;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) onEnd(true);
      }}
    >
      {question.body && <div class="dialog-body">{question.body}</div>}
      {question.typed !== undefined && (
        <label class="field">
          {text.typeToConfirm} <code>{question.typed}</code>
          <input
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
          />
        </label>
      )}
      <footer>
        <button type="button" onClick={() => onEnd(false)}>
          {text.cancel}
        </button>
        <button type="submit" class={question.danger ? 'danger' : 'primary'} disabled={!ready}>
          {question.confirm}
        </button>
      </footer>
    </form>
  );
}
