import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { closeApps } from '../support/apps.js';
import { PLATFORMS } from '../support/dashboard-apps.js';
import { launchChromium } from './chromium.mjs';
import { HOSTILE, startShop, type SeededShop } from './shop.js';
import { visitorOf } from './visitor.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Colours, and px. */
const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 360],
  ['dark', 360],
] as const;
/** Axe looks at all pages in one test. */
const LONG_MS = 90_000;

const pagesOf = ({ dead, running }: SeededShop): Record<string, string> => ({
  overview: '',
  'a queue': '?queue=mail',
  'dead jobs': '?queue=mail&state=dead',
  'dead letters': '?queue=mail&tab=dead',
  history: '?queue=mail&tab=history',
  limits: '?queue=mail&tab=limits',
  groups: '?queue=exports&tab=limits',
  'an ordered group': '?queue=images&tab=limits',
  'a dead job': `?queue=mail&job=${dead[2]}`,
  'a running job': `?queue=images&job=${running}`,
  schedules: '?view=schedules',
  'bulk operations': '?view=bulks',
  'a schedule': '?queue=reports&schedule=made',
  processes: '?view=processes',
  doctor: '?view=doctor',
});

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
});

describe.each(PLATFORMS)('the pages on %s', (platform) => {
  let shop: SeededShop;
  beforeAll(async () => {
    shop = await startShop(platform, { environment: { label: 'test', color: '#c00' } });
  });
  afterAll(closeApps);

  it.each(platform === 'express' ? LOOKS : LOOKS.slice(0, 1))(
    'show what axe has nothing against, and nothing against their policy, %s at %i px',
    async (colorScheme, width) => {
      const visitor = await visitorOf(browser, shop, { colorScheme, viewport: { width, height: 800 } });
      const found: unknown[] = [];
      for (const [name, query] of Object.entries(pagesOf(shop))) {
        await visitor.visit(query);
        // Injected by the debugger, not by the page: the policy stays as it is.
        await visitor.page.evaluate(AXE);
        const { violations } = (await visitor.page.evaluate('axe.run()')) as {
          violations: { id: string; nodes: { html: string }[] }[];
        };
        found.push(...violations.map(({ id, nodes }) => ({ name, id, html: nodes.map(({ html }) => html) })));
        const wide = await visitor.page.evaluate('document.documentElement.scrollWidth > innerWidth');
        if (wide) found.push({ name, id: 'wider than the window' });
      }
      expect(found).toEqual([]);
      expect(visitor.complaints).toEqual([]);
      await visitor.context.close();
    },
    LONG_MS,
  );

  it(
    'show what comes from jobs as text',
    async () => {
      const visitor = await visitorOf(browser, shop);
      for (const query of Object.values(pagesOf(shop))) {
        await visitor.visit(query);
        expect(await visitor.page.evaluate('window.hacked')).toBeUndefined();
        expect(await visitor.page.locator('main img').count()).toBe(0);
      }
      await visitor.visit(`?queue=mail&job=${shop.dead[2]}`);
      expect(await visitor.page.locator('.errors').textContent()).toContain(HOSTILE);
      await visitor.visit(`?queue=images&job=${shop.running}`);
      expect(await visitor.page.locator('.logs').textContent()).toContain(HOSTILE);
      expect(visitor.complaints).toEqual([]);
      await visitor.context.close();
    },
    LONG_MS,
  );

  it('are at the address that they show', async () => {
    const visitor = await visitorOf(browser, shop);
    await visitor.visit('');
    await visitor.page.getByRole('link', { name: 'mail', exact: true }).click();
    await visitor.page.getByRole('link', { name: /^Dead \d/ }).click();
    await visitor.page.getByRole('link', { name: shop.dead[0], exact: true }).click();
    await visitor.page.getByRole('heading', { level: 1, name: shop.dead[0] }).waitFor();
    const address = visitor.page.url();
    await visitor.page.goto('about:blank');
    await visitor.page.goto(address);
    await visitor.page.getByRole('heading', { level: 1, name: shop.dead[0] }).waitFor();
    await visitor.context.close();
  });

  it('show which alerts fire, and lead to the queue of each', async () => {
    const visitor = await visitorOf(browser, shop);
    await visitor.visit('');
    const alerts = visitor.page.getByRole('region', { name: 'Alerts' });
    expect(await alerts.textContent()).toMatch(/oldestReady:mail mail · default · \d+ min/);
    await alerts.getByRole('link', { name: 'oldestReady:mail' }).click();
    await visitor.page.getByRole('heading', { level: 1, name: 'mail' }).waitFor();
    expect(visitor.complaints).toEqual([]);
    await visitor.context.close();
  });

  it('find jobs by their payload, show where a filter is wrong, and count values', async () => {
    const visitor = await visitorOf(browser, shop);
    const filter = visitor.page.getByRole('searchbox', { name: 'Filter jobs' });
    await visitor.visit('?queue=mail&state=dead');
    await filter.fill('payload.user.id:42 error:"ECONN"');
    await filter.press('Enter');
    await visitor.page.getByText('2 found').waitFor();
    expect(await visitor.page.locator('table.jobs tbody tr').count()).toBe(2);
    expect(new URL(visitor.page.url()).searchParams.get('where')).toBe('payload.user.id:42 error:"ECONN"');

    await visitor.page.getByRole('button', { name: 'Count values' }).click();
    await visitor.page.getByRole('combobox', { name: 'Values of' }).fill('payload.user.id');
    await visitor.page.getByRole('button', { name: 'Count', exact: true }).click();
    await visitor.page.locator('.bar-row', { hasText: '42' }).waitFor();

    await filter.fill('payload.user.id:42 age:soon');
    await filter.press('Enter');
    await visitor.page.locator('.where-failure mark').waitFor();
    expect(visitor.complaints).toEqual([]);
    await visitor.context.close();
  });

  it('show what holds groups back, and lead to the jobs of each', async () => {
    const visitor = await visitorOf(browser, shop);
    await visitor.visit('?queue=exports&tab=limits');
    const rows = visitor.page.getByRole('region', { name: 'Groups' }).getByRole('row');
    expect(await rows.allTextContents()).toEqual([
      expect.stringContaining('Group'),
      expect.stringMatching(/^acme20–At most 5 start in 1 min\. Its share is 2 against 1\.Pause$/),
      expect.stringMatching(/^tiny\|co10paused Paused\.Resume$/),
    ]);
    await visitor.page
      .getByText('At most 4 run at once. Each group: At most 1 run at once. Groups share')
      .first()
      .waitFor();
    await visitor.page.getByRole('link', { name: '1 waiting of group tiny|co' }).click();
    await visitor.page.getByText('1 found').waitFor();
    expect(new URL(visitor.page.url()).searchParams.get('where')).toBe('group:"tiny|co"');
    await visitor.page.locator('table.jobs [data-row]').click();
    await visitor.page.getByRole('link', { name: 'tiny|co', exact: true }).waitFor();
    await visitor.visit('?queue=images&tab=limits');
    await visitor.page.getByText('until a job before has ended').waitFor();
    expect(visitor.complaints).toEqual([]);
    await visitor.context.close();
  });

  it('show what axe has nothing against while all matches are selected and counted', async () => {
    const visitor = await visitorOf(browser, shop);
    await visitor.visit('?queue=mail&state=dead&where=payload.user.id:42');
    await visitor.page.getByRole('button', { name: 'Select all matches' }).click();
    await visitor.page.getByText('All that match are selected').waitFor();
    await visitor.page.getByRole('button', { name: 'Remove all…' }).click();
    const dialog = visitor.page.getByRole('dialog', { name: 'Remove all that match in mail' });
    await dialog.getByText('3 jobs would be taken now, of 3 looked at.').waitFor();
    await visitor.page.evaluate(AXE);
    expect(await visitor.page.evaluate('axe.run().then(({ violations }) => violations)')).toEqual([]);
    await dialog.locator('footer').getByRole('button', { name: 'Close' }).click();
    expect((await shop.queues.counts('mail')).dead).toBe(3);
    expect(visitor.complaints).toEqual([]);
    await visitor.context.close();
  });

  it('leave out what the visitor may not do', async () => {
    const readers = await startShop(platform, { readOnly: true });
    const visitor = await visitorOf(browser, readers);
    await visitor.visit(`?queue=mail&job=${readers.dead[0]}`);
    expect(await visitor.page.locator('.actions button').count()).toBe(0);
    await visitor.visit('?queue=mail&state=dead');
    expect(
      await visitor.page.locator('.actions button, .list-bar button[aria-pressed], input[type=checkbox]').count(),
    ).toBe(0);
    await visitor.visit('?queue=exports&tab=limits');
    expect(await visitor.page.locator('main form, main button').count()).toBe(0);
    await visitor.visit('?view=bulks');
    expect(await visitor.page.getByRole('row', { name: /exports/ }).count()).toBe(1);
    expect(await visitor.page.locator('main button').count()).toBe(0);
    await visitor.context.close();
  });
});
