import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { closeApps } from '../support/apps.js';
import { launchChromium } from './chromium.mjs';
import { startShop } from './shop.js';
import { visitorOf, watch } from './visitor.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
});
afterEach(closeApps);

describe('the stream of changes', () => {
  it('is one for all tabs of a browser, and passes to another tab when its own closes', async () => {
    const shop = await startShop('fastify');
    const visitor = await visitorOf(browser, shop);
    const streams: string[] = [];
    visitor.context.on('request', (request) => {
      if (request.url().includes('/api/live')) streams.push(request.url());
    });
    await visitor.visit('');
    await visitor.page.locator('.live.live').waitFor();
    const others = [];
    for (let tab = 0; tab < 4; tab++) {
      const page = await visitor.context.newPage();
      watch(page, visitor.complaints);
      await page.goto(shop.at('', {}));
      await page.locator('h1').waitFor();
      others.push(page);
    }
    await shop.queues.enqueue('reports', {}, { delay: '1h' });
    for (const page of others)
      await page
        .getByRole('row', { name: /^reports paused/ })
        .getByText('1', { exact: true })
        .first()
        .waitFor();
    expect(streams).toHaveLength(1);

    await visitor.page.close();
    await shop.queues.resume('reports');
    for (const page of others) await page.getByRole('row', { name: /^reports paused/ }).waitFor({ state: 'detached' });
    expect(streams).toHaveLength(2);
    expect(visitor.complaints).toEqual([]);
    await visitor.context.close();
  });

  it('shows the end of a job on its page', async () => {
    const shop = await startShop('express');
    const visitor = await visitorOf(browser, shop);
    await visitor.visit(`?queue=images&job=${shop.running}`);
    await visitor.page.locator('h1 .s-active').waitFor();
    await (await shop.queues.getJob('images', shop.running))?.cancel();
    await visitor.page.locator('h1 .s-cancelled, h1 .s-completed').waitFor();
    await visitor.context.close();
  });
});
