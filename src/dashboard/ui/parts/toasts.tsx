import { text } from '../text.js';
import { closeToast, toasts } from '../toaster.js';
import { Link } from './link.js';

/** A live region: screen readers say what became of an action. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite" aria-label={text.outcomes}>
      {toasts.value.map(({ id, text: said, bad, to }) => (
        <div key={id} class={bad ? 'toast bad' : 'toast'}>
          <span>{said}</span>
          {to && <Link to={to}>{text.show}</Link>}
          <button type="button" class="icon" aria-label={text.dismiss} onClick={() => closeToast(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
