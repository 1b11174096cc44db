import type { ComponentChildren } from 'preact';
import { go, hrefOf, type Place } from '../router.js';

interface LinkProps {
  to: Place;
  class?: string;
  children: ComponentChildren;
  current?: boolean;
  title?: string;
  label?: string;
  row?: boolean;
  /** Keeps the place on the page: another view of what is shown already. */
  quiet?: boolean;
}

/** A real link, so that it can be opened in another tab; a plain click stays on the page. */
export function Link({ to, class: className, children, current, title, label, row, quiet }: LinkProps) {
  const onClick = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to, quiet ? 'replace' : 'push');
  };
  return (
    <a
      href={hrefOf(to)}
      class={className}
      title={title}
      aria-label={label}
      aria-current={current ? 'page' : undefined}
      data-row={row ? '' : undefined}
      onClick={onClick}
    >
      {children}
    </a>
  );
}
