import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { text } from '../text.js';

interface PanelProps {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  class?: string;
}

export function Panel({ title, aside, children, class: className = '' }: PanelProps) {
  const id = useId();
  return (
    <section class={`panel ${className}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside && <div class="aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** Names and values. */
export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A table that scrolls in itself where the window is narrow: then it can be scrolled by keys. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="scroll" role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

export function Heading({
  title,
  crumbs,
  children,
}: {
  title: ComponentChildren;
  crumbs?: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <div class="heading">
      <div>
        {crumbs && (
          <nav class="crumbs" aria-label={text.crumbs}>
            {crumbs}
          </nav>
        )}
        <h1 tabIndex={-1}>{title}</h1>
      </div>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}
