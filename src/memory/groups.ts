import type { GroupRule, GroupView } from '../core/groups.js';
import type { Groups } from '../core/ports/groups.js';
import type { MemoryConnection } from './connection.js';
import type { Lane } from './lane.js';
import type { MemoryQueue } from './memory-queue.js';
import { wakeAll } from './wake.js';

export class MemoryGroups implements Groups {
  constructor(private readonly connection: MemoryConnection) {}

  async set(name: string, key: string, rule: GroupRule): Promise<void> {
    const queue = this.connection.queue(name);
    queue.lanes.setRule(key, { ...rule });
    wakeAll(queue);
  }

  async reset(name: string, key: string): Promise<boolean> {
    const queue = this.connection.queue(name);
    const had = queue.lanes.of(key).rule !== undefined;
    queue.lanes.setRule(key, undefined);
    wakeAll(queue);
    return had;
  }

  async list(name: string, cursor: string, limit: number): Promise<{ groups: GroupView[]; cursor: string }> {
    const behind = this.connection
      .queue(name)
      .lanes.inOrder()
      .filter((lane) => lane.isShown && lane.key > cursor);
    const page = behind.slice(0, limit);
    return {
      groups: page.map((lane) => lane.view()),
      cursor: behind.length > page.length ? (page.at(-1)?.key ?? cursor) : '',
    };
  }

  async jobs(name: string, key: string, cursor: string, limit: number): Promise<{ ids: string[]; cursor: string }> {
    const queue = this.connection.queue(name);
    const places = [...waitingIn(queue.lanes.of(key)), ...runningOf(queue, key)];
    const from = places.findIndex((place) => place === cursor);
    // A job that began since the page before went with all that stood before it.
    const isGone = cursor.startsWith('r') && from < 0;
    const rest = isGone ? places.filter((place) => place > cursor && place.startsWith('r')) : places.slice(from + 1);
    const page = rest.slice(0, limit);
    return { ids: page.map((place) => place.slice(1)), cursor: rest.length > page.length ? (page.at(-1) ?? '') : '' };
  }
}

/** `w` and the id of each. */
function waitingIn({ line }: Lane): string[] {
  return [...line].map(({ id }) => `w${id}`);
}

/** `r` and the id of each, the oldest first. */
function runningOf({ active }: MemoryQueue, key: string): string[] {
  return [...active.values()].flatMap(({ id, group }) => (group === key ? [`r${id}`] : [])).sort();
}
