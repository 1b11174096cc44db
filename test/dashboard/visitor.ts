import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { SeededShop } from './shop.js';

/** Somebody who looks at a dashboard, and what their browser complained of meanwhile. */
export interface Visitor {
  context: BrowserContext;
  page: Page;
  /** Errors of scripts, and violations of the policy for content. */
  complaints: string[];
  /** Shows a page, by its query; resolves when its data is there. */
  visit(query: string): Promise<void>;
}

export async function visitorOf(
  browser: Browser,
  shop: SeededShop,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  watch(page, complaints);
  return {
    ...{ context, page, complaints },
    async visit(query) {
      await page.goto(`${shop.at('')}${query}`);
      await page.locator('h1').waitFor();
      await page.locator('.waiting').waitFor({ state: 'detached' });
    },
  };
}

export function watch(page: Page, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // Of a route that is not there, or refuses: the page shows that itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
}
