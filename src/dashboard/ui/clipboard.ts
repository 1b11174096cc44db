/** Also without https, where browsers have no clipboard interface. @returns whether it was copied */
export async function copyText(content: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(content);
    return true;
  } catch {
    return copyBySelection(content);
  }
}

function copyBySelection(content: string): boolean {
  const area = document.createElement('textarea');
  area.value = content;
  area.className = 'offscreen';
  // Inside of a modal dialog nothing else can be focused.
  const place = document.querySelector('dialog[open]') ?? document.body;
  const before = document.activeElement;
  place.append(area);
  area.select();
  try {
    return document.execCommand('copy');
  } finally {
    area.remove();
    if (before instanceof HTMLElement) before.focus();
  }
}
