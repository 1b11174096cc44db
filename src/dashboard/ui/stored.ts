/** What this browser remembers; a browser that refuses to remember starts anew each time. */
export function recall(key: string): string | undefined {
  try {
    return localStorage.getItem(`task-queue-dashboard:${key}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`task-queue-dashboard:${key}`);
    else localStorage.setItem(`task-queue-dashboard:${key}`, value);
  } catch {
    // forbidden or full: it holds until the page is left
  }
}
