/** The plain lists that other programs would fill. */
export class Inboxes {
  private readonly lists = new Map<string, string[]>();
  private readonly waiting = new Map<string, Set<() => void>>();

  /** Adds an element to a plain list, as another program would with LPUSH. */
  push(inbox: string, element: string): void {
    const list = this.lists.get(inbox) ?? [];
    list.push(element);
    this.lists.set(inbox, list);
    for (const resolve of this.waiting.get(inbox) ?? []) resolve();
  }

  /** Oldest first. */
  take(inbox: string, limit: number): string[] {
    const list = this.lists.get(inbox) ?? [];
    const taken = list.splice(0, limit);
    // As Redis does: an empty list is none.
    if (list.length === 0) this.lists.delete(inbox);
    return taken;
  }

  wait(inbox: string, timeoutMs: number, ended: AbortSignal): Promise<void> {
    if (this.lists.has(inbox) || ended.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const all = this.waiting.get(inbox) ?? new Set();
      this.waiting.set(inbox, all);
      const finish = () => {
        clearTimeout(timer);
        all.delete(finish);
        if (all.size === 0 && this.waiting.get(inbox) === all) this.waiting.delete(inbox);
        ended.removeEventListener('abort', finish);
        resolve();
      };
      // Real time: it bounds a wait of this process and decides nothing.
      const timer = setTimeout(finish, timeoutMs);
      all.add(finish);
      ended.addEventListener('abort', finish);
    });
  }
}
