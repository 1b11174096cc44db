import type { ComponentChildren } from 'preact';
import type { Place } from '../router.js';
import { Link } from './link.js';

interface TabsProps {
  label: string;
  tabs: { key: string; title: ComponentChildren; to: Place }[];
  current: string;
  class?: string;
}

/** Views of one thing. They are links: each view has an address of its own. */
export function Tabs({ label, tabs, current, class: className = '' }: TabsProps) {
  return (
    <nav class={`tabs ${className}`} aria-label={label}>
      {tabs.map(({ key, title, to }) => (
        <Link key={key} to={to} current={key === current}>
          {title}
        </Link>
      ))}
    </nav>
  );
}
